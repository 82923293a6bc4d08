package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"example.com/pause/tools/golden/imagetest"
)

// inRepository makes a small repository, changes to it, and returns the flags that describe an image made from it.
func inRepository(t *testing.T) []string {
	t.Helper()
	layer := imagetest.Gzip(t, imagetest.Tar(t, imagetest.File{Name: "pause", Mode: 0o555, Content: "program"}))
	layout := imagetest.Layout(t, imagetest.Image(t, v1.ConfigFile{OS: "linux", Architecture: "amd64"}, layer))
	t.Chdir(t.TempDir())
	for _, file := range []string{"pause/pause.go", "bazel-out/k8-fastbuild/bin/pause/made.go"} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("package main\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return []string{
		"--image", layout, "--version", "1.0.0", "--module", "example.com/pause", "--go-version", "1.26.8",
		"--source", "pause/pause.go", "--source", "bazel-out/k8-fastbuild/bin/pause/made.go",
	}
}

// Both documents are written; a generated source has the name that it has in every configuration.
func TestWrites(t *testing.T) {
	args := append(inRepository(t), "--output", "a.json", "--provenance", "b.json", "--target", "//images:pause")
	var stdout, stderr bytes.Buffer
	if code := run(args, &stdout, &stderr); code != 0 || stdout.Len()+stderr.Len() > 0 {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
	for file, expected := range map[string]string{"a.json": `"./pause/made.go"`, "b.json": `"pause/made.go"`} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), expected) || strings.Contains(string(content), "bazel-out") {
			t.Errorf("%s: expected %s and no bazel-out:\n%s", file, expected, content)
		}
	}
}

// Bad input is one line on stderr and exit code 2, and no document is left.
func TestBadInput(t *testing.T) {
	args := inRepository(t)
	for expected, more := range map[string][]string{
		"--image and --output are needed":       {},
		"--provenance and --target go together": {"--output", "a.json", "--provenance", "b.json"},
		"unexpected argument":                   {"--output", "a.json", "more"},
		"flag provided but not defined":         {"--output", "a.json", "--more"},
		"none.go":                               {"--output", "a.json", "--source", "none.go"},
		"there twice":                           {"--output", "a.json", "--source", "pause/pause.go"},
		"the version":                           {"--output", "a.json", "--version", ""},
		"not a valid OCI layout":                {"--output", "a.json", "--image", "pause"},
		"not a Bazel label":                     {"--output", "a.json", "--provenance", "b.json", "--target", "pause"},
		"cannot write there":                    {"--output", "none/a.json", "--provenance", "b.json", "--target", "//images:pause"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(append(append([]string{}, args...), more...), &stdout, &stderr)
		if code != 2 || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), expected) || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; expected 2 and one line with %q", more, code, stdout.String(), stderr.String(), expected)
		}
		if files, _ := filepath.Glob("*.json"); files != nil {
			t.Errorf("%q: left behind: %v", more, files)
		}
	}
}

// Help is not an error.
func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"--help"}, &stdout, &stderr); code != 0 || !strings.HasPrefix(stdout.String(), "usage:") || stderr.Len() > 0 {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
}

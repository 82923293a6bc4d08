package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"example.com/pause/tools/oci/imagetest"
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
		"--image", layout, "--name", "pause", "--license", "Apache-2.0", "--version", "1.0.0", "--module", "example.com/pause", "--go-version", "1.26.8",
		"--source", "pause/pause.go", "--source", "bazel-out/k8-fastbuild/bin/pause/made.go",
	}
}

// Both documents are written; a generated source has the name that it has in every configuration.
func TestWrites(t *testing.T) {
	args := append(inRepository(t), "--output", "a.json", "--provenance", "b.json", "--target", "//images:pause", "--builder", "https://example.com/w")
	var stdout, stderr bytes.Buffer
	if code := newCommand().Execute(t.Context(), args, &stdout, &stderr); code != 0 || stdout.Len()+stderr.Len() > 0 {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
	for file, expected := range map[string][]string{"a.json": {`"./pause/made.go"`}, "b.json": {`"pause/made.go"`, `"id": "https://example.com/w"`}} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, expected := range expected {
			if !strings.Contains(string(content), expected) || strings.Contains(string(content), "bazel-out") {
				t.Errorf("%s: expected %s and no bazel-out:\n%s", file, expected, content)
			}
		}
	}
}

// A wrong command line is exit code 2, bad input 1; both are one line on stderr, and no document is left.
func TestBadInput(t *testing.T) {
	args := inRepository(t)
	for expected, test := range map[string]struct {
		code int
		more []string
	}{
		"missing --output":                      {2, nil},
		"--provenance and --target go together": {2, []string{"--output", "a.json", "--provenance", "b.json"}},
		"unexpected argument":                   {2, []string{"--output", "a.json", "more"}},
		"none.go":                               {1, []string{"--output", "a.json", "--source", "none.go"}},
		"there twice":                           {1, []string{"--output", "a.json", "--source", "pause/pause.go"}},
		"the version":                           {1, []string{"--output", "a.json", "--version", "-"}},
		"missing --license":                     {2, []string{"--output", "a.json", "--license", ""}},
		"not an OCI layout":                     {1, []string{"--output", "a.json", "--image", "pause"}},
		"not a Bazel label":                     {1, []string{"--output", "a.json", "--provenance", "b.json", "--target", "pause"}},
		"is not a URI":                          {1, []string{"--output", "a.json", "--provenance", "b.json", "--target", "//images:pause", "--builder", "me"}},
		"cannot write there":                    {1, []string{"--output", "none/a.json", "--provenance", "b.json", "--target", "//images:pause"}},
	} {
		var stdout, stderr bytes.Buffer
		code := newCommand().Execute(t.Context(), append(slices.Clone(args), test.more...), &stdout, &stderr)
		if code != test.code || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), expected) || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; expected %d and one line with %q",
				test.more, code, stdout.String(), stderr.String(), test.code, expected)
		}
		if files, _ := filepath.Glob("*.json"); files != nil {
			t.Errorf("%q: left behind: %v", test.more, files)
		}
	}
}

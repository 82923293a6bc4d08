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

func image(t *testing.T, user string) string {
	t.Helper()
	layer := imagetest.Gzip(t, imagetest.Tar(t, imagetest.File{Name: "pause", Mode: 0o555, Content: "program"}))
	return imagetest.Layout(t, imagetest.Image(t, v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{User: user}}, layer))
}

// What write wrote, check accepts; another image it explains, with exit code 1.
func TestWriteThenCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pause.golden")
	one, two := image(t, "1"), image(t, "2")
	var stdout, stderr bytes.Buffer
	if code := newCommand().Execute(t.Context(), []string{"write", "--layout", one, "--output", file}, &stdout, &stderr); code != 0 {
		t.Fatalf("write: exit code %d: %s", code, stderr.String())
	}
	if code := newCommand().Execute(t.Context(), []string{"check", "--layout", one, "--golden", file}, &stdout, &stderr); code != 0 || !strings.HasPrefix(stdout.String(), "PASS ") {
		t.Errorf("check: exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
	stdout.Reset()
	args := []string{"check", "--layout", two, "--golden", file, "--accept", "make golden"}
	if code := newCommand().Execute(t.Context(), args, &stdout, &stderr); code != 1 ||
		!strings.HasPrefix(stdout.String(), "FAIL ") || !strings.Contains(stdout.String(), `config.config.User: expected "1", got "2"`) ||
		!strings.HasSuffix(stdout.String(), "accept it: write the golden file anew\n    which is what this does: make golden\n") {
		t.Errorf("check of another image: exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
}

// Bad input is one line on stderr and exit code 2, and nothing is written.
func TestBadInput(t *testing.T) {
	layout, dir := image(t, "1"), t.TempDir()
	out := filepath.Join(dir, "out")
	for expected, args := range map[string][]string{
		"which command? check, write":    {},
		"did you mean check?":            {"chek"},
		"unknown flag --golden":          {"write", "--layout", layout, "--golden", out},
		`unexpected argument "more"`:     {"write", "--layout", layout, "--output", out, "more"},
		"golden write: missing --output": {"write", "--layout", layout},
		"golden check: missing --layout": {"check", "--golden", out},
		"not a valid OCI layout":         {"write", "--layout", dir, "--output", out},
		"golden file cannot be read":     {"check", "--layout", layout, "--golden", filepath.Join(dir, "none")},
		"no such file or directory":      {"write", "--layout", layout, "--output", filepath.Join(dir, "none", "out")},
		"golden write makes one":         {"check", "--layout", layout, "--golden", filepath.Join(layout, "index.json")},
	} {
		var stdout, stderr bytes.Buffer
		code := newCommand().Execute(t.Context(), args, &stdout, &stderr)
		if code != 2 || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), expected) || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; expected 2 and one line with %q", args, code, stdout.String(), stderr.String(), expected)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Commands take flags with = or a space, in any order, and give what the others can read.
func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{"entrypoint": "/pause", "tags": "pause:1\npause:2\n"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	for _, line := range []string{
		"image --output=a --os linux --architecture=amd64 --entrypoint entrypoint --user=65535:65535",
		"image -output b -base a --workdir /w",
		"index --image a --image=b --output i",
		"archive --layout i --format=oci --output i.tar --repo-tags tags",
		"archive --layout a --output a.tar --repo-tag pause:latest",
		"artifact --subject a --file tags --artifact-type text/plain --output art",
		"digest --layout i --output digest",
		"digest --layout i",
		"help",
		"image -help",
	} {
		if err := run(strings.Fields(line), &out); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	digest, err := os.ReadFile("digest")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{string(digest), "Usage: oci COMMAND", "-exposed-ports file"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}
}

// Wrong command lines are refused with one line, and nothing is written.
func TestRunRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"":                                 "which command?",
		"build":                            "no command \"build\"",
		"image":                            "--output is needed",
		"image --output o":                 "os and an architecture",
		"image --output o --os linux":      "os and an architecture",
		"image --output o --base b --os x": "come from the --base",
		"image --output o --created-by x":  "must follow a --layer",
		"image --output o --nonsense x":    "-nonsense",
		"image --output o --env none":      "no such file",
		"image --output o rest":            "unexpected argument \"rest\"",
		"image --output o --os l --architecture a --layer none": "layer none: is missing",
		"index --output o":                "--image is needed",
		"digest":                          "--layout is needed",
		"digest --layout none --output o": "oci-layout: is missing",
		"archive --layout x":              "--output is needed",
		"archive --layout x --output o --platform linux": "want OS/ARCHITECTURE",
	} {
		err := run(strings.Fields(line), new(bytes.Buffer))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("oci %s: the message is %v; it should be one line about %q", line, err, want)
		}
		if left, _ := filepath.Glob("*"); len(left) > 0 {
			t.Errorf("oci %s: left %v", line, left)
		}
	}
}

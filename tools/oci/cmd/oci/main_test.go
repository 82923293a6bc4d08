package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
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
		var said bytes.Buffer
		if code := newCommand().Execute(t.Context(), strings.Fields(line), &out, &said); code != 0 || said.Len() > 0 {
			t.Errorf("%s: exit code %d: %s", line, code, &said)
		}
	}
	digest, err := os.ReadFile("digest")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{string(digest), "oci COMMAND", "--exposed-ports FILE"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}
}

// Wrong command lines and bad input are refused with one line, exit code 2 or 1, and nothing is written.
func TestRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"":                                 "2 which command? image, ",
		"build":                            "2 unknown command build",
		"digets":                           "2 did you mean digest?",
		"image":                            "2 missing --output FOLDER",
		"image --output o":                 "1 os and an architecture",
		"image --output o --os linux":      "1 os and an architecture",
		"image --output o --base b --os x": "2 come from the --base",
		"image --output o --created-by x":  "2 must follow a --layer",
		"image --output o --nonsense x":    "2 unknown flag --nonsense",
		"image --output o --env none":      "2 no such file",
		"image --output o rest":            "2 unexpected argument \"rest\"",
		"image --output o --os l --architecture a --layer none": "1 layer none: is missing",
		"index --output o":                "2 missing --image FOLDER",
		"digest":                          "2 missing --layout FOLDER",
		"digest --layout none --output o": "1 oci-layout: is missing",
		"archive --layout x":              "2 missing --output FILE",
		"archive --layout x --output o --platform linux": "2 want OS/ARCHITECTURE",
	} {
		var stdout, stderr bytes.Buffer
		code := newCommand().Execute(t.Context(), strings.Fields(line), &stdout, &stderr)
		wantCode, text, _ := strings.Cut(want, " ")
		if strconv.Itoa(code) != wantCode || !strings.Contains(stderr.String(), text) || strings.Count(stderr.String(), "\n") != 1 || stdout.Len() > 0 {
			t.Errorf("oci %s: exit code %d and %q; it should be %s and one line about %q", line, code, &stderr, wantCode, text)
		}
		if left, _ := filepath.Glob("*"); len(left) > 0 {
			t.Errorf("oci %s: left %v", line, left)
		}
	}
}

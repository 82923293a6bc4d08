package main

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/oci"
)

// layouts makes an index of an image for this machine and one for another, and a folder for PATH with the engine podman,
// which keeps what it is given in the file that it returns.
func layouts(t *testing.T) (index, other, loaded string) {
	t.Helper()
	dir := t.TempDir()
	var images []string
	for _, arch := range []string{"other", runtime.GOARCH} {
		image := filepath.Join(dir, arch)
		if err := oci.BuildImage(image, oci.ImageOptions{Platform: v1.Platform{OS: "linux", Architecture: arch}}); err != nil {
			t.Fatal(err)
		}
		images = append(images, image)
	}
	index, loaded = filepath.Join(dir, "index"), filepath.Join(dir, "loaded")
	if err := oci.BuildIndex(index, images, nil); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n[ \"$1\" = load ] || exit 9\nexec /bin/cat >'" + loaded + "'\n"
	if err := os.WriteFile(filepath.Join(bin, "podman"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	return index, images[0], loaded
}

// execute executes a command line and returns the exit code, and what it says on stderr.
func execute(t *testing.T, line string) (code int, said string) {
	t.Helper()
	var stderr bytes.Buffer
	code = newCommand().Execute(t.Context(), strings.Fields(line), io.Discard, &stderr)
	return code, stderr.String()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Of an index, the engine gets this machine's image by default; an image it gets as it is.
func TestLoad(t *testing.T) {
	index, other, loaded := layouts(t)
	for layout, arch := range map[string]string{index: runtime.GOARCH, other: "other"} {
		if code, said := execute(t, "load --layout "+layout+" --repo-tag pause:latest"); code != 0 {
			t.Fatalf("exit code %d: %s", code, said)
		}
		f, err := os.Open(loaded)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		found := false
		for r := tar.NewReader(f); ; {
			if _, err := r.Next(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			found = found || bytes.Contains(content, []byte(`"architecture": "`+arch+`"`))
		}
		if !found {
			t.Errorf("%s: the engine did not get the image for %s", layout, arch)
		}
	}
}

// Wrong command lines, engines that are missing or fail, and bad layouts are refused with one line.
func TestRefuses(t *testing.T) {
	index, _, loaded := layouts(t)
	failing := filepath.Join(t.TempDir(), "failing")
	if err := os.WriteFile(failing, []byte("#!/bin/sh\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"":                       "2 which command?",
		"lod":                    "2 did you mean load?",
		"push --layout " + index: "2 missing --repository REPOSITORY",
		"load":                   "2 missing --layout FOLDER",
		"load --layout none":     "1 oci-layout: is missing",
		"load --layout " + index + " --engine none":         "1 no such program",
		"load --layout " + index + " --engine " + failing:   "1 exit status 3",
		"load --layout " + index + " --platform linux/none": "1 no image for linux/none",
		"load --layout " + index + " --platform linux":      "2 want OS/ARCHITECTURE",
		"load --layout " + index + " --repo-tag A:B:C":      "1 repository tag",
		"load --layout " + index + " --format zip":          "1 want docker or oci",
	} {
		code, said := execute(t, line)
		wantCode, text, _ := strings.Cut(want, " ")
		if strconv.Itoa(code) != wantCode || !strings.Contains(said, text) || strings.Count(said, "\n") != 1 {
			t.Errorf("ocipush %s: exit code %d and %q; it should be %s and one line about %q", line, code, said, wantCode, text)
		}
		if exists(loaded) {
			t.Errorf("ocipush %s: the engine got something", line)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if code, said := execute(t, "load --layout "+index); code != 1 || !strings.Contains(said, "neither docker nor podman") {
		t.Errorf("no engine: got exit code %d and %q", code, said)
	}
}

package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/layer"
	"example.com/pause/tools/oci"
	"example.com/pause/tools/oci/imagetest"
)

// A build is what a planted difference can change.
type build struct {
	mtime  time.Time
	binary string
	env    []string // a list whose order some tools sort by locale
}

// layout writes the canonical form of an image.
func (b build) layout(t *testing.T) string {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	err := w.WriteHeader(&tar.Header{Name: "pause", Mode: 0o555, Size: int64(len(b.binary)), ModTime: b.mtime, Format: tar.FormatUSTAR})
	_, wrong := w.Write([]byte(b.binary))
	need.NoError(t, errors.Join(err, wrong, w.Close()))
	config := v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{Env: b.env}}
	dir := t.TempDir()
	need.NoError(t, oci.Canonical(dir, imagetest.Layout(t, imagetest.Image(t, config, layer.Gzip(archive.Bytes()))), nil))
	return dir
}

var plain = build{mtime: time.Unix(0, 0), binary: "program of /proc/self/exe", env: []string{"B=1", "a=2"}}

// The same build twice is the same.
func TestNothingIsFoundInEqualLayouts(t *testing.T) {
	lines, err := compare(plain.layout(t), plain.layout(t))
	if err != nil || lines != nil {
		t.Errorf("found %q, error %v", lines, err)
	}
}

// Each planted difference is found, and the report names what it is: the image, the field or byte, and both values.
func TestPlantedDifferencesAreFoundAndNamed(t *testing.T) {
	mtime, path, list := plain, plain, plain
	mtime.mtime = time.Unix(1700000000, 0)
	path.binary = "program of /home/" + "user/exe"
	list.env = []string{"a=2", "B=1"}
	for name, c := range map[string]struct {
		planted build
		want    []string
	}{
		"a date in the layer":     {mtime, []string{"linux/amd64: 00000080", "14524770", "blobs/sha256: "}},
		"a path in the program":   {path, []string{"linux/amd64: 00000200", "/proc", "/home"}},
		"a list sorted by locale": {list, []string{"linux/amd64: \"B=1\"", "linux/amd64: \"a=2\""}},
	} {
		lines, err := compare(plain.layout(t), c.planted.layout(t))
		need.NoError(t, err)
		report := strings.Join(lines, "\n")
		for _, want := range c.want {
			if !strings.Contains(report, want) {
				t.Errorf("%s: %q is not in the report:\n%s", name, want, report)
			}
		}
	}
}

// A file that one layout has on top is found although the digests agree.
func TestAnExtraFileIsFound(t *testing.T) {
	want, got := plain.layout(t), plain.layout(t)
	need.NoError(t, os.WriteFile(filepath.Join(got, "extra"), nil, 0o666))
	lines, err := compare(want, got)
	if err != nil || len(lines) == 0 || !strings.Contains(lines[0], ": extra") {
		t.Errorf("found %q, error %v", lines, err)
	}
}

// A path of the machine in the action graph is found; "/" and "" name no place.
func TestPathsOfTheMachineAreFound(t *testing.T) {
	text := "Inputs: [pause/pause.go]\nCommand: /home/" + "user/bin/tool --x\nOutputs: [bazel-out/pause]\n"
	if got := pathsIn(text, []string{"/home/user", "", "/"}); len(got) != 1 || got[0] != "Command: /home/"+"user/bin/tool --x" {
		t.Errorf("found %q", got)
	}
	if got := pathsIn(text, []string{"/home/other"}); got != nil {
		t.Errorf("found %q", got)
	}
}

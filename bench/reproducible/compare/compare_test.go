package compare

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bazelbuild/rules_go/go/runfiles"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/oci"
)

// A build is what a planted difference can change.
type build struct {
	mtime  time.Time
	binary string
	list   []string // the environment: a list whose order some tools sort by locale
}

// layout writes an index of one image.
func (b build) layout(t *testing.T) string {
	t.Helper()
	var blob bytes.Buffer
	zw := gzip.NewWriter(&blob)
	tw := tar.NewWriter(zw)
	header := &tar.Header{Name: "pause", Mode: 0o555, Size: int64(len(b.binary)), ModTime: b.mtime, Format: tar.FormatUSTAR}
	if err := tw.WriteHeader(header); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write([]byte(b.binary)); err != nil {
		t.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "layer.tar.gz")
	if err := os.WriteFile(file, blob.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	env := strings.Join(b.list, "\n") + "\n"
	image, index := filepath.Join(dir, "image"), filepath.Join(dir, "index")
	err := oci.BuildImage(image, oci.ImageOptions{
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
		Layers:   []oci.Layer{{Path: file}},
		Env:      &env,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := oci.BuildIndex(index, []string{image}, nil); err != nil {
		t.Fatal(err)
	}
	return index
}

var plain = build{mtime: time.Unix(0, 0), binary: "program of /proc/self/exe", list: []string{"B=1", "a=2"}}

// The same build twice is the same.
func TestNothingIsFoundInEqualLayouts(t *testing.T) {
	lines, err := Layouts(plain.layout(t), plain.layout(t))
	if err != nil || lines != nil {
		t.Errorf("found %q, error %v", lines, err)
	}
}

// Each planted difference is found, and the report names what it is: the image, the field or byte, and both values.
func TestPlantedDifferencesAreFoundAndNamed(t *testing.T) {
	mtime, path, list := plain, plain, plain
	mtime.mtime = time.Unix(1700000000, 0)
	path.binary = "program of /home/" + "user/exe"
	list.list = []string{"a=2", "B=1"}
	for name, c := range map[string]struct {
		planted build
		want    []string
	}{
		"a date in the layer":     {mtime, []string{"linux/amd64:", "mtime of pause", "index:", "blobs/sha256/"}},
		"a path in the program":   {path, []string{"linux/amd64:", "byte 12 of pause"}},
		"a list sorted by locale": {list, []string{"linux/amd64:", "Env[0]", "B=1", "a=2"}},
	} {
		t.Run(name, func(t *testing.T) {
			lines, err := Layouts(plain.layout(t), c.planted.layout(t))
			if err != nil {
				t.Fatal(err)
			}
			report := strings.Join(lines, "\n")
			for _, want := range c.want {
				if !strings.Contains(report, want) {
					t.Errorf("%q is not in the report:\n%s", want, report)
				}
			}
		})
	}
}

// A file that one layout has on top is found although the digests agree.
func TestAnExtraFileIsFound(t *testing.T) {
	want, got := plain.layout(t), plain.layout(t)
	if err := os.WriteFile(filepath.Join(got, "extra"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	lines, err := Layouts(want, got)
	if err != nil || len(lines) == 0 || !strings.Contains(lines[0], "extra: in the second build only") {
		t.Errorf("found %q, error %v", lines, err)
	}
}

// A path of the machine in the action graph is found; "/" and "" name no place.
func TestPathsOfTheMachineAreFound(t *testing.T) {
	text := "Inputs: [pause/pause.go]\nCommand: /home/" + "user/bin/tool --x\nOutputs: [bazel-out/pause]\n"
	if got := Paths(text, []string{"/home/user", "", "/"}); len(got) != 1 || got[0] != "Command: /home/"+"user/bin/tool --x" {
		t.Errorf("found %q", got)
	}
	if got := Paths(text, []string{"/home/other"}); got != nil {
		t.Errorf("found %q", got)
	}
}

// The images of a build without optimisation and of one with it are the same: the smallest of the variations of
// `bazel run //bench/reproducible`, as a test.
func TestFastbuildAndOptAreTheSame(t *testing.T) {
	var dirs []string
	for _, env := range []string{"PAUSE_LAYOUT", "PAUSE_LAYOUT_OPT"} {
		value := os.Getenv(env)
		if value == "" {
			t.Skip("skipped: " + env + " is not set; Bazel sets it")
		}
		dir, err := runfiles.Rlocation(value)
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	lines, err := Layouts(dirs[0], dirs[1])
	if err != nil || lines != nil {
		t.Errorf("differences: %v\n%s", err, strings.Join(lines, "\n"))
	}
}

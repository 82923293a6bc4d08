package golden

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"

	"example.com/pause/tools/golden/imagetest"
	"example.com/pause/tools/oci"
)

// pauseLike returns an image like the real ones, with one byte of the program chosen.
func pauseLike(t *testing.T, user string, b byte, level int) v1.Image {
	t.Helper()
	archive := imagetest.Tar(t, imagetest.File{Name: "pause", Mode: 0o555, Content: "program " + string(b) + " <&>"})
	var layer bytes.Buffer
	w, _ := gzip.NewWriterLevel(&layer, level)
	if _, err := w.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return imagetest.Image(t, v1.ConfigFile{
		OS: "linux", Architecture: "amd64",
		Config: v1.Config{User: user, Entrypoint: []string{"/pause"}},
	}, layer.Bytes())
}

func record(t *testing.T, image v1.Image) *Record {
	t.Helper()
	return recordOf(t, imagetest.Layout(t, image))
}

func recordOf(t *testing.T, dir string) *Record {
	t.Helper()
	layout, err := oci.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	root, err := layout.Only()
	if err != nil {
		t.Fatal(err)
	}
	r, err := FromLayout(layout, root)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A golden file starts with the digest alone on its line, and gives back every byte of what it keeps.
func TestFormatThenParseIsLossless(t *testing.T) {
	image := pauseLike(t, "65535:65535", 'a', gzip.BestCompression)
	index := imagetest.Index(t, []string{"linux/amd64"}, image)
	for name, dir := range map[string]string{"image": imagetest.Layout(t, image), "index": imagetest.Layout(t, index)} {
		want := recordOf(t, dir)
		data, err := want.Format()
		if err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(string(data), "\n"); first != want.Digest.String() {
			t.Errorf("%s: first line is %q, expected the digest", name, first)
		}
		got, err := Parse(data)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, data)
		}
		if !bytes.Equal(got.Manifest, want.Manifest) || !bytes.Equal(got.Config, want.Config) || !bytes.Equal(got.Index, want.Index) {
			t.Errorf("%s: documents changed on the way through the file", name)
		}
		if Compare(want, got) != nil {
			t.Errorf("%s: not equal to itself", name)
		}
	}
}

// Characters that Go's encoder likes to escape keep their bytes.
func TestFormatKeepsMarkup(t *testing.T) {
	index := []byte(`{"annotations":{"authors":"A <a@example.com> & B"}}`)
	data, err := (&Record{Digest: digest.FromBytes(index), Index: index}).Format()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(data)
	if err != nil || !bytes.Equal(got.Index, index) {
		t.Errorf("got %v (%v), expected the same bytes from\n%s", got, err, data)
	}
}

// Documents with spaces are refused: their bytes could not be had back from an indented file.
func TestFormatRefusesDocumentsThatAreNotCompact(t *testing.T) {
	r := record(t, pauseLike(t, "1", 'a', gzip.BestCompression))
	r.Config = append([]byte(" "), r.Config...)
	if _, err := r.Format(); err == nil || !strings.Contains(err.Error(), "canonical") {
		t.Errorf("got %v, expected a refusal that names the canonical form", err)
	}
}

// An explanation names the document, the field, both values, the byte in the layer and what it belongs to.
func TestCompareExplains(t *testing.T) {
	base := record(t, pauseLike(t, "65535:65535", 'a', gzip.BestCompression))
	spaced := *base
	spaced.Config = append([]byte(nil), base.Config...)
	spaced.Config = bytes.Replace(spaced.Config, []byte(`":"`), []byte(`": "`), 1)
	spaced.Digest = digest.FromString("another")
	bare := &Record{Digest: spaced.Digest}
	for _, test := range []struct {
		name      string
		want, got *Record
		expected  []string
		absent    []string
	}{
		{
			"config field", base, record(t, pauseLike(t, "0", 'a', gzip.BestCompression)),
			[]string{`config.config.User: expected "65535:65535", got "0"`, "manifest.config.digest: expected"},
			[]string{"layer 0"},
		},
		{
			"byte of the program", base, record(t, pauseLike(t, "65535:65535", 'b', gzip.BestCompression)),
			[]string{"layer 0, tar inside: expected 2048 bytes, got 2048, first difference at byte 520 (byte 8 of pause): expected 61 20", "got 62 20"},
			nil,
		},
		{
			"compression", base, record(t, pauseLike(t, "65535:65535", 'a', gzip.NoCompression)),
			[]string{"layer 0: the tar inside is the same; only the compression differs", "manifest.layers[0].size: expected"},
			[]string{"config.config"},
		},
		{
			"spacing", base, &spaced,
			[]string{"config: the same fields in other bytes (order or spacing), first at byte"},
			[]string{"layer"},
		},
		{
			"digest only", bare, base,
			[]string{"keeps the digest only"},
			nil,
		},
		{
			"index for an image", base, &Record{Digest: spaced.Digest, Index: []byte("{}")},
			[]string{"one is an image, the other an image index"},
			nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Join(Compare(test.want, test.got), "\n")
			expected := append(test.expected, "expected "+test.want.Digest.String(), "got      "+test.got.Digest.String(), advice)
			for _, part := range expected {
				if !strings.Contains(text, part) {
					t.Errorf("not said: %s\n%s", part, text)
				}
			}
			for _, part := range test.absent {
				if strings.Contains(text, part) {
					t.Errorf("said without need: %s\n%s", part, text)
				}
			}
		})
	}
}

// In an index, the entry of the image that changed is named.
func TestCompareIndexNamesTheEntry(t *testing.T) {
	one, two := pauseLike(t, "1", 'a', 9), pauseLike(t, "2", 'a', 9)
	platforms := []string{"linux/amd64", "linux/amd64"}
	var records []*Record
	for _, index := range []v1.ImageIndex{imagetest.Index(t, platforms, one, one), imagetest.Index(t, platforms, one, two)} {
		records = append(records, recordOf(t, imagetest.Layout(t, index)))
	}
	text := strings.Join(Compare(records[0], records[1]), "\n")
	if !strings.Contains(text, "index.manifests[1].digest: expected") || strings.Contains(text, "manifests[0]") {
		t.Errorf("expected manifests[1].digest and nothing of manifests[0]:\n%s", text)
	}
}

// A byte of an archive belongs to a header field, to content, to padding or to the end.
func TestLocate(t *testing.T) {
	archive := imagetest.Tar(t,
		imagetest.File{Name: "a", Mode: 0o644, Content: "12345"},
		imagetest.File{Name: "d/", Mode: 0o755, Type: tar.TypeDir},
		imagetest.File{Name: "b", Mode: 0o644, Content: strings.Repeat("x", 512)},
	)
	for offset, want := range map[int]string{
		0: "name of a", 100: "mode of a", 140: "mtime of a", 511: "padding of the header of a",
		512: "byte 0 of a", 517: "padding of a", 1023: "padding of a", 1024: "name of d/",
		1536: "name of b", 2048 + 7: "byte 7 of b", 2560: "end of archive", len(archive): "end of archive",
	} {
		if got := Locate(archive, offset); got != want {
			t.Errorf("byte %d: got %q, expected %q", offset, got, want)
		}
	}
	if got := Locate([]byte("no tar"), 3); got != "end of archive" {
		t.Errorf("no tar: got %q", got)
	}
}

// A golden file that was cut, extended or edited is refused; one with the digest alone is accepted.
func TestParseRefuses(t *testing.T) {
	data, err := record(t, pauseLike(t, "65535:65535", 'a', 9)).Format()
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(string(data), "\n")
	beforeLayers, _, _ := strings.Cut(string(data), `"layers": [`+"\n    \"")
	for name, test := range map[string]struct{ file, expected string }{
		"empty":         {"", "first line must be a digest"},
		"no digest":     {"sha256:abc\n", "first line must be a digest"},
		"sha512":        {"sha512:" + strings.Repeat("0", 128) + "\n", "first line must be a digest"},
		"cut":           {string(data[:len(data)/2]), "must be one JSON document"},
		"two documents": {string(data) + "{}", "something after"},
		"unknown field": {first + "\n" + strings.Replace(rest, `"manifest"`, `"manifesto"`, 1), "manifesto"},
		"edited config": {strings.Replace(string(data), "65535:65535", "0:0", 1), "the config that is kept has the digest"},
		"other digest":  {"sha256:" + strings.Repeat("0", 64) + "\n" + rest, "the manifest that is kept has the digest"},
		"no layers":     {beforeLayers + `"layers":[]}`, "the manifest has 1 layers, but 0 are kept"},
		"neither":       {first + "\n{}", "either an index or a manifest"},
		"index+layers":  {first + "\n" + `{"index":{},"layers":["AA=="]}`, "has no config and no layers"},
	} {
		if _, err := Parse([]byte(test.file)); err == nil || !strings.Contains(err.Error(), test.expected) {
			t.Errorf("%s: got %v, expected a message with %q", name, err, test.expected)
		}
	}
	bare, err := Parse([]byte(first + "\n"))
	if err != nil || bare.Explained() {
		t.Errorf("digest alone: got %v, explained %v", err, bare.Explained())
	}
}

// A golden file is replaced whole, and a failure leaves the old one and nothing else.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "golden.txt")
	good := record(t, pauseLike(t, "1", 'a', 9))
	if err := good.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	bad := *good
	bad.Config = []byte("{ }")
	if err := bad.WriteFile(path); err == nil {
		t.Fatal("a record that cannot be formatted was written")
	}
	got, err := ReadFile(path)
	if err != nil || got.Digest != good.Digest {
		t.Errorf("got %v, %v; expected the first record", got, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

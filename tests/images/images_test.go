// Package images_test says of every image that is shipped what container-structure-test cannot say (images/pause.yaml says
// the rest): its digest, its bytes, that there is nothing else in it, and what machine its program is for. It reads the layout
// itself, and has its own opinion on what the documents must be.
package images_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/layer"
)

// limit is the number of bytes that manifest, config and layer must stay below.
const limit = 1024

// image is an image as it is stored.
type image struct{ manifest, config, layer []byte }

// The documents as they must be, to the byte.
const (
	wantConfig = `{"architecture":%q,"config":{"Entrypoint":["/pause"],"User":"65535:65535"},"os":"linux",` +
		`"rootfs":{"diff_ids":[%q],"type":"layers"}%s}`
	wantManifest = `{"config":{"digest":%q,"mediaType":"application/vnd.oci.image.config.v1+json","size":%d},` +
		`"layers":[{"digest":%q,"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":%d}],` +
		`"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}`
)

func sha(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// problems says what is wrong with an image that must be for arch and variant and have the digest golden.
func (i image) problems(arch, variant, golden string) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if got := sha(i.manifest); got != golden {
		wrong("digest: %s; the golden file has %s", got, golden)
	}
	if n := len(i.manifest) + len(i.config) + len(i.layer); n >= limit {
		wrong("bytes: %d; want fewer than %d", n, limit)
	}
	archive, err := gunzip(i.layer)
	if err != nil {
		wrong("layer: %v", err)
		return problems
	}
	if variant != "" {
		variant = fmt.Sprintf(`,"variant":%q`, variant)
	}
	if want := fmt.Sprintf(wantConfig, arch, sha(archive), variant); string(i.config) != want {
		wrong("config: %s\nwant    %s", i.config, want)
	}
	if want := fmt.Sprintf(wantManifest, sha(i.config), len(i.config), sha(i.layer), len(i.layer)); string(i.manifest) != want {
		wrong("manifest: %s\nwant      %s", i.manifest, want)
	}
	files := tar.NewReader(bytes.NewReader(archive))
	header, err := files.Next()
	if err != nil {
		wrong("archive: %v", err)
		return problems
	}
	if header.Name != "pause" {
		wrong("file: %s; want pause", header.Name)
	}
	program, err := io.ReadAll(files)
	if err != nil {
		wrong("archive: %v", err)
	}
	if more, err := files.Next(); !errors.Is(err, io.EOF) {
		wrong("files: another after %s: %+v, %v", header.Name, more, err)
	}
	if canonical, err := layer.Build("pause", program); err != nil || !bytes.Equal(i.layer, canonical) {
		wrong("layer: not what tools/layer makes of the program (%v)", err)
	}
	for _, target := range targets.All() {
		if target.Arch != arch {
			continue
		}
		file, err := elf.NewFile(bytes.NewReader(program))
		if err != nil {
			wrong("program: %v", err)
		} else if file.Machine != target.Machine || file.Class != target.Class || file.Data != target.Data {
			wrong("program: for %s %s %s; want %s %s %s", file.Machine, file.Class, file.Data, target.Machine, target.Class, target.Data)
		}
		return problems
	}
	wrong("architecture: %q is none that is shipped", arch)
	return problems
}

func gunzip(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// entry is a descriptor, and what has some.
type entry struct {
	Digest   string
	Platform struct{ Architecture, OS, Variant string }

	Manifests []entry
	Config    *entry
	Layers    []entry
}

// blob is where a layout has a blob.
func blob(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

// layout is the folder of the index that is shipped.
type layout string

func (l layout) blob(t *testing.T, digest string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(string(l), blob(digest)))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func parse(t *testing.T, data []byte) (e entry) {
	t.Helper()
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// shipped returns the index that is shipped, and its images.
func shipped(t *testing.T) (index []byte, entries []entry, images []image) {
	t.Helper()
	location := os.Getenv("PAUSE_IMAGE")
	need.That(t, location != "", "PAUSE_IMAGE is not set: Bazel says where //images:pause is")
	dir, err := runfiles.Rlocation(location)
	if err != nil {
		t.Fatal(err)
	}
	top, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	l := layout(dir)
	index = l.blob(t, parse(t, top).Manifests[0].Digest)
	entries = parse(t, index).Manifests
	for _, e := range entries {
		manifest := l.blob(t, e.Digest)
		m := parse(t, manifest)
		images = append(images, image{manifest, l.blob(t, m.Config.Digest), l.blob(t, m.Layers[0].Digest)})
	}
	return index, entries, images
}

// golden returns the digest in the golden file of the index ("") or of the image for an architecture.
func golden(t *testing.T, arch string) string {
	t.Helper()
	name := "pause.txt"
	if arch != "" {
		name = "pause_linux_" + arch + ".txt"
	}
	for _, location := range strings.Fields(os.Getenv("PAUSE_DIGESTS")) {
		if filepath.Base(location) != name {
			continue
		}
		path, err := runfiles.Rlocation(location)
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(content), "\n")
		return first
	}
	t.Fatalf("there is no golden file %s", name)
	return ""
}

// The index and each of its images is what was accepted, and nothing else is in it.
func TestImages(t *testing.T) {
	index, entries, images := shipped(t)
	if got, want := sha(index), golden(t, ""); got != want {
		t.Errorf("the index has the digest %s; the golden file has %s", got, want)
	}
	if len(entries) != len(targets.All()) {
		t.Errorf("the index has %d images; want %d", len(entries), len(targets.All()))
	}
	for n, e := range entries {
		if e.Platform.OS != "linux" {
			t.Errorf("entry %d is for %q; want linux", n, e.Platform.OS)
		}
		for _, problem := range images[n].problems(e.Platform.Architecture, e.Platform.Variant, golden(t, e.Platform.Architecture)) {
			t.Errorf("%s: %s", e.Platform.Architecture, problem)
		}
	}
}

// Each line of text holds its image, as an OCI layout and for Docker's classic store, and is short enough to be pasted.
func TestText(t *testing.T) {
	content, err := os.ReadFile(targets.File(t, "PAUSE_TEXT"))
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		lines[name] = text
	}
	if most := 1400; len(lines["pause_linux_amd64_base64"]) > most {
		t.Errorf("the line for amd64 has %d characters; %d are the most", len(lines["pause_linux_amd64_base64"]), most)
	}
	want := map[string]string{"archive_base64": golden(t, "")}
	for _, target := range targets.All() {
		want["pause_linux_"+target.Arch+"_base64"] = golden(t, target.Arch)
	}
	if len(lines) != len(want) {
		t.Errorf("there are %d lines; want %d", len(lines), len(want))
	}
	for name, digest := range want {
		compressed, err := base64.StdEncoding.DecodeString(lines[name])
		if err != nil {
			t.Fatal(name, ": ", err)
		}
		plain, err := gunzip(compressed)
		if err != nil {
			t.Fatal(name, ": ", err)
		}
		files := map[string]string{}
		for archive := tar.NewReader(bytes.NewReader(plain)); ; {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(name, ": ", err)
			}
			content, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(name, ": ", err)
			}
			files[header.Name] = string(content)
		}
		if !strings.Contains(files["index.json"], digest) || sha([]byte(files[blob(digest)])) != digest {
			t.Errorf("%s: the archive has no image %s", name, digest)
		}
		var saved []struct {
			Config           string
			Layers, RepoTags []string
		}
		if err := json.Unmarshal([]byte(files["manifest.json"]), &saved); err != nil || len(saved) == 0 {
			t.Errorf("%s: manifest.json has no image (%v)", name, err)
		}
		for _, image := range saved {
			for _, file := range append(image.Layers, image.Config) {
				if files[file] == "" {
					t.Errorf("%s: manifest.json speaks of %s, which is not there", name, file)
				}
			}
			if len(image.RepoTags) != 1 || !strings.HasPrefix(image.RepoTags[0], "pause:1.") {
				t.Errorf("%s: Docker's classic store is to call it %q", name, image.RepoTags)
			}
		}
	}
}

// Each check notices what it is for.
func TestChecksNotice(t *testing.T) {
	_, entries, images := shipped(t)
	var good image
	var arm []byte
	for n, e := range entries {
		switch e.Platform.Architecture {
		case "amd64":
			good = images[n]
		case "arm64":
			arm = images[n].layer
		}
	}
	archive, err := gunzip(good.layer)
	if err != nil {
		t.Fatal(err)
	}
	// of makes an image with a layer as the build would.
	of := func(blob, archive []byte) image {
		config := fmt.Appendf(nil, wantConfig, "amd64", sha(archive), "")
		return image{fmt.Appendf(nil, wantManifest, sha(config), len(config), sha(blob), len(blob)), config, blob}
	}
	tarOf := func(names ...string) image {
		var b, compressed bytes.Buffer
		w := tar.NewWriter(&b)
		for _, name := range names {
			if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o555}); err != nil {
				t.Fatal(err)
			}
		}
		z := gzip.NewWriter(&compressed)
		if err := errors.Join(w.Close(), func() error { _, err := z.Write(b.Bytes()); return err }(), z.Close()); err != nil {
			t.Fatal(err)
		}
		return of(compressed.Bytes(), b.Bytes())
	}
	other, err := gunzip(arm)
	if err != nil {
		t.Fatal(err)
	}
	var recompressed bytes.Buffer
	z, err := gzip.NewWriterLevel(&recompressed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	replace := func(i image, old, with string) image {
		i.config = bytes.Replace(i.config, []byte(old), []byte(with), 1)
		i.manifest = fmt.Appendf(nil, wantManifest, sha(i.config), len(i.config), sha(i.layer), len(i.layer))
		return i
	}
	for name, test := range map[string]struct {
		image image
		want  string // how one of the problems begins
	}{
		"exactly the limit": {image{good.manifest, append(bytes.Clone(good.config), make([]byte, limit-len(good.manifest)-len(good.config)-len(good.layer))...), good.layer}, "bytes: 1024;"},
		"no gzip":           {image{good.manifest, good.config, archive}, "layer: gzip"},
		"other compression": {of(recompressed.Bytes(), archive), "layer: not what tools/layer makes"},
		"other machine":     {of(arm, other), "program: for EM_AARCH64"},
		"other name":        {tarOf("other"), "file: other"},
		"second file":       {tarOf("pause", "more"), "files: another after pause"},
		"variable":          {replace(good, `"User"`, `"Env":["A=b"],"User"`), "config:"},
		"date":              {replace(good, `"os"`, `"created":"1970-01-01T00:00:00Z","os"`), "config:"},
		"root":              {replace(good, `65535:65535`, `0`), "config:"},
		"variant":           {replace(good, `"type":"layers"}`, `"type":"layers"},"variant":"v2"`), "config:"},
		"annotation":        {image{bytes.Replace(good.manifest, []byte(`{"config"`), []byte(`{"annotations":{"a":"b"},"config"`), 1), good.config, good.layer}, "manifest:"},
	} {
		problems := test.image.problems("amd64", "", sha(test.image.manifest))
		found := false
		for _, problem := range problems {
			found = found || strings.HasPrefix(problem, test.want)
		}
		if !found {
			t.Errorf("%s: found %q; want %q", name, problems, test.want)
		}
	}
	if problems := good.problems("amd64", "", golden(t, "arm64")); len(problems) != 1 || !strings.HasPrefix(problems[0], "digest:") {
		t.Errorf("another golden file: found %q", problems)
	}
	if problems := good.problems("mips", "", golden(t, "amd64")); len(problems) != 2 {
		t.Errorf("another architecture: found %q", problems)
	}
}

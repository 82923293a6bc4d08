package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/oci/ojson"
)

// write makes a file in a folder of its own and returns its path.
func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// tarball is a tar archive with one file, of fixed bytes.
func tarball(t testing.TB, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "pause", Mode: 0o755, Size: int64(len(content)), Format: tar.FormatUSTAR}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func text(s string) *string { return &s }

// full are options that use everything.
func full(t testing.TB) ImageOptions {
	return ImageOptions{
		Platform: v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"},
		Layers: []Layer{
			{Path: write(t, "one.tar", tarball(t, "one")), CreatedBy: "bazel build @@//x:l1"},
			{Path: write(t, "two.tar", tarball(t, "two")), CreatedBy: "bazel build @@//x:l2"},
		},
		Entrypoint:   text("/pause\n-x\na%5Cnb"),
		Cmd:          text("one\ntwo"),
		Env:          text("A=1\nB=${A}x$A-${NONE}\nA=2\nC=é"),
		ExposedPorts: text("80/tcp,443"),
		Volumes:      text("/a,/b"),
		Labels:       text("x=1\ny=2=3\nz"),
		Annotations:  text("org.x=<é&>\nq=r"),
		User:         "65535:65535",
		Workdir:      "/w",
	}
}

func build(t testing.TB, o ImageOptions) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "image")
	if err := BuildImage(dir, o); err != nil {
		t.Fatal(err)
	}
	return dir
}

func only(t testing.TB, dir string) *Manifest {
	t.Helper()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.Only()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The digests are those that image.sh and image_index.sh of rules_oci 2.3 give for the same input, with jq and regctl.
func TestDigestsAreUpstreams(t *testing.T) {
	a := build(t, full(t))
	b := build(t, ImageOptions{
		Base:        a,
		Layers:      []Layer{{Path: write(t, "one.tar", tarball(t, "one")), CreatedBy: "bazel build x"}},
		Entrypoint:  text("/pause\n-x\na%5Cnb"),
		Env:         text("B=$C:$B\nC=3"),
		Labels:      text("org.x=<é&>\nq=r"),
		Annotations: text("x=1\ny=2=3\nz"),
	})
	index := filepath.Join(t.TempDir(), "index")
	if err := BuildIndex(index, []string{a, b}, text("org.x=<é&>\nq=r")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, dir, want string }{
		{"image", a, "sha256:cd100a563cf9708c2a430f1c1ffea7b30859de1f192740bb03d17b7babc69a3d"},
		{"image on a base", b, "sha256:40c97b5a8534635da9baf30696e18d221b17b25ed67b1d92d29f2ba3d89d90c8"},
		{"index", index, "sha256:1a170a27f2a4b0cc92d104751e05995b180747349be3aaf234160b08e4b813ea"},
	} {
		if got, err := DigestOf(c.dir); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.what, got, err, c.want)
		}
	}
}

// A base keeps its layers and settings; an entrypoint resets its command; labels and environment are merged.
func TestBase(t *testing.T) {
	m := only(t, build(t, ImageOptions{
		Base: build(t, full(t)), Entrypoint: text("/new"), Env: text("B=$B!\nD=4"), Labels: text("x=9"), User: "1",
	}))
	config := m.ConfigDoc.Object("config")
	want := `{"Entrypoint":["/new"],"ExposedPorts":{"80/tcp":{},"443":{}},"Volumes":{"/a":{},"/b":{}},` +
		`"Env":["A=2","B=1x1-!","C=é","D=4"],"Labels":{"x":"9","y":"2=3","z":""},"User":"1","WorkingDir":"/w"}`
	if got := string(ojson.Compact(config)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(m.Layers) != 2 || len(m.ConfigDoc.Array("history")) != 2 {
		t.Error("the layers of the base, or their history, are lost")
	}
}

// The media type of a layer follows from its content, and its diff id is that of the archive within.
func TestLayers(t *testing.T) {
	plain := tarball(t, "content")
	var gzipped bytes.Buffer
	w := gzip.NewWriter(&gzipped)
	w.Write(plain)
	w.Close()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for mediaType, blob := range map[string][]byte{
		v1.MediaTypeImageLayer: plain, v1.MediaTypeImageLayerGzip: gzipped.Bytes(), v1.MediaTypeImageLayerZstd: z.EncodeAll(plain, nil),
	} {
		m := only(t, build(t, ImageOptions{
			Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Layers: []Layer{{Path: write(t, "layer", blob)}},
		}))
		if got := m.Layers[0]; got.MediaType != mediaType || got.Digest != digest.FromBytes(blob) || got.Size != int64(len(blob)) {
			t.Errorf("%s: the descriptor is %v", mediaType, got)
		}
		if got := m.ConfigDoc.Object("rootfs").Array("diff_ids")[0]; got != digest.FromBytes(plain).String() {
			t.Errorf("%s: the diff id is %v", mediaType, got)
		}
	}
	for name, blob := range map[string][]byte{
		"text": []byte(strings.Repeat("no tar ", 100)), "cut gzip": gzipped.Bytes()[:gzipped.Len()-3], "gzip of text": gzipOf(t, "text"),
		"rubbish after gzip": append(slices.Clone(gzipped.Bytes()), "rubbish"...),
	} {
		dir := filepath.Join(t.TempDir(), "image")
		err := BuildImage(dir, ImageOptions{
			Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Layers: []Layer{{Path: write(t, "layer", blob)}},
		})
		refused(t, name, dir, err, "layer")
	}
}

func gzipOf(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(strings.Repeat(s, 300)))
	w.Close()
	return b.Bytes()
}

// refused checks that err is one line that mentions want, and that nothing was left in or beside output.
func refused(t testing.TB, what, output string, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: was accepted", what)
		return
	}
	if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: the message is %q; it should be one line about %q", what, err, want)
	}
	if entries, err := os.ReadDir(filepath.Dir(output)); err != nil || len(entries) > 0 {
		t.Errorf("%s: left behind %v, %v", what, entries, err)
	}
}

// Wrong options are refused, and leave nothing behind.
func TestBuildRefuses(t *testing.T) {
	linux := v1.Platform{OS: "linux", Architecture: "amd64"}
	image := build(t, full(t))
	index := filepath.Join(t.TempDir(), "index")
	if err := BuildIndex(index, []string{image}, nil); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]ImageOptions{
		"os and an architecture": {},
		"not a date":             {Platform: linux, Created: text("yesterday")},
		"not an image":           {Base: index},
		"is missing":             {Base: t.TempDir()},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		refused(t, want, dir, BuildImage(dir, o), want)
	}
	dir := filepath.Join(t.TempDir(), "out")
	refused(t, "index of indexes", dir, BuildIndex(dir, []string{index}, nil), "is not an image")
	refused(t, "empty index", dir, BuildIndex(dir, nil, nil), "at least one image")
	if err := BuildIndex(image, []string{image}, nil); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder with something in it was overwritten: %v", err)
	}
}

// tamper copies a layout and lets change do something to the copy.
func tamper(t testing.TB, dir string, change func(dir string)) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	change(copied)
	return copied
}

// replaceIn replaces text in a file of a layout.
func replaceIn(t testing.TB, path, old, with string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(data), old, with)
	if changed == string(data) {
		t.Fatalf("%s does not contain %q", path, old)
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
}

// reseal replaces text in the layout's manifest, and makes index.json refer to the new one.
func reseal(t testing.TB, dir, old, with string) {
	t.Helper()
	desc := only(t, dir).Desc
	path := blobPath(dir, desc.Digest)
	replaceIn(t, path, old, with)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sealed := digest.FromBytes(data)
	if err := os.Rename(path, blobPath(dir, sealed)); err != nil {
		t.Fatal(err)
	}
	index := ojson.Compact(ojson.NewObject(
		ojson.Member{Name: "schemaVersion", Value: ojson.Number("2")},
		ojson.Member{Name: "manifests", Value: []any{describe(v1.Descriptor{MediaType: desc.MediaType, Digest: sealed, Size: int64(len(data))})}},
	))
	if err := os.WriteFile(filepath.Join(dir, v1.ImageIndexFile), index, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A layout that is not what it says is refused, with a message that says what is wrong.
func TestOpenRefuses(t *testing.T) {
	image := build(t, full(t))
	m := only(t, image)
	index := func(dir string) string { return filepath.Join(dir, v1.ImageIndexFile) }
	layer := func(dir string) string { return blobPath(dir, m.Layers[0].Digest) }
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, want string
		change     func(dir string)
	}{
		{"no marker", "oci-layout: is missing", func(d string) { must(os.Remove(filepath.Join(d, v1.ImageLayoutFile))) }},
		{"other version", "imageLayoutVersion", func(d string) { replaceIn(t, filepath.Join(d, v1.ImageLayoutFile), "1.0.0", "2.0.0") }},
		{"no index.json", "index.json: is missing", func(d string) { must(os.Remove(index(d))) }},
		{"index.json is a folder", "not a regular file", func(d string) { must(os.Remove(index(d))); must(os.Mkdir(index(d), 0o755)) }},
		{"not JSON", "not JSON", func(d string) { must(os.WriteFile(index(d), []byte("{"), 0o644)) }},
		{"no manifests", "lists no manifest", func(d string) { must(os.WriteFile(index(d), []byte(`{"schemaVersion":2,"manifests":[]}`), 0o644)) }},
		{"schema 1", "schemaVersion is not 2", func(d string) { replaceIn(t, index(d), `"schemaVersion": 2`, `"schemaVersion": 1`) }},
		{"missing layer", "is missing", func(d string) { must(os.Remove(layer(d))) }},
		{"longer layer", "its descriptor says", func(d string) { must(os.WriteFile(layer(d), make([]byte, 9999), 0o644)) }},
		{"other layer", "its content has the digest", func(d string) { must(os.WriteFile(layer(d), make([]byte, m.Layers[0].Size), 0o644)) }},
		{"other manifest", "its content has the digest", func(d string) { replaceIn(t, blobPath(d, m.Desc.Digest), `"q": "r"`, `"q": "s"`) }},
		{"path trick", "digest \"sha256:../../x\"", func(d string) { replaceIn(t, index(d), m.Desc.Digest.String(), "sha256:../../x") }},
		{"unknown algorithm", "unsupported digest algorithm", func(d string) { replaceIn(t, index(d), "sha256:", "md5:") }},
		{"short digest", "invalid checksum digest length", func(d string) { replaceIn(t, index(d), m.Desc.Digest.String(), "sha256:abc") }},
		{"negative size", "size is not a whole number", func(d string) { replaceIn(t, index(d), `"size": `, `"size": -`) }},
		{"fractional size", "size is not a whole number", func(d string) { replaceIn(t, index(d), `"size": `, `"size": 1.`) }},
		{"huge size", "size is not a whole number", func(d string) { replaceIn(t, index(d), `"size": `, `"size": 99999999999999`) }},
		{"huge manifest", "too many for a", func(d string) { replaceIn(t, index(d), `"size": `, `"size": 99999`) }},
		{"unknown media type", "is not that of an index or image manifest", func(d string) { replaceIn(t, index(d), "oci.image.manifest", "example") }},
		{"unknown layer type", "is not that of an image layer", func(d string) { reseal(t, d, v1.MediaTypeImageLayer, "application/x-tar") }},
		{"unknown config type", "is not that of an image config", func(d string) { reseal(t, d, v1.MediaTypeImageConfig, "application/json") }},
		{"manifest says index", "calls itself", func(d string) { reseal(t, d, v1.MediaTypeImageManifest, v1.MediaTypeImageIndex) }},
		{"manifest and index at once", "must not have manifests", func(d string) { reseal(t, d, `"annotations"`, `"manifests"`) }},
		{"layers lost", "diff ids for", func(d string) { reseal(t, d, `"layers": [`, `"layers": [], "other": [`) }},
		{"member twice", "two members", func(d string) { reseal(t, d, `"annotations"`, `"config"`) }},
	} {
		dir := tamper(t, image, c.change)
		_, err := Open(dir)
		if err == nil {
			t.Errorf("%s: was accepted", c.name)
		} else if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the message is %q; it should be one line about %q", c.name, err, c.want)
		}
	}
}

// Two indexes that list each other cannot have right digests, and are refused in finite time.
func TestOpenRefusesCycles(t *testing.T) {
	dir := t.TempDir()
	name := func(c string) digest.Digest { return digest.Digest("sha256:" + strings.Repeat(c, 64)) }
	entry := func(d digest.Digest) []byte {
		return []byte(`{"schemaVersion":2,"manifests":[{"mediaType":"` + v1.MediaTypeImageIndex + `","digest":"` + d.String() + `","size":207}]}`)
	}
	if err := os.MkdirAll(filepath.Join(dir, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{
		"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`), "index.json": entry(name("a")),
		"blobs/sha256/" + strings.Repeat("a", 64): entry(name("b")), "blobs/sha256/" + strings.Repeat("b", 64): entry(name("a")),
	} {
		if err := os.WriteFile(filepath.Join(dir, path), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir); err == nil {
		t.Error("was accepted")
	}
}

// indexes makes a layout of an image and of indexes around it, each of which lists the one before width times. list says what
// index.json lists, from all of them, the image first.
func indexes(t testing.TB, levels, width int, list func([]v1.Descriptor) []v1.Descriptor) string {
	t.Helper()
	source, err := Open(build(t, full(t)))
	if err != nil {
		t.Fatal(err)
	}
	listing := func(descs []v1.Descriptor) []byte {
		entries := make([]any, len(descs))
		for i, desc := range descs {
			entries[i] = describe(desc)
		}
		return ojson.Compact(ojson.NewObject(
			ojson.Member{Name: "schemaVersion", Value: ojson.Number("2")}, ojson.Member{Name: "manifests", Value: entries},
		))
	}
	dir := filepath.Join(t.TempDir(), "indexes")
	err = Create(dir, func(w *Writer) ([]byte, error) {
		if err := w.copyManifest(source, source.Manifests[0], map[*Manifest]bool{}); err != nil {
			return nil, err
		}
		all := []v1.Descriptor{source.Manifests[0].Desc}
		for range levels {
			desc, err := w.Add(v1.MediaTypeImageIndex, listing(slices.Repeat(all[len(all)-1:], width)))
			if err != nil {
				return nil, err
			}
			all = append(all, desc)
		}
		return listing(list(all)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func last(descs []v1.Descriptor) []v1.Descriptor { return descs[len(descs)-1:] }

// Indexes that nest without end are refused, also if index.json lists the inner ones first, so that they are known already.
func TestOpenRefusesDeepIndexes(t *testing.T) {
	for name, list := range map[string]func([]v1.Descriptor) []v1.Descriptor{
		"outermost":       last,
		"innermost first": func(descs []v1.Descriptor) []v1.Descriptor { return descs },
		"outermost first": func(descs []v1.Descriptor) []v1.Descriptor { slices.Reverse(descs); return descs },
	} {
		if _, err := Open(indexes(t, maxDepth+1, 2, list)); err == nil || !strings.Contains(err.Error(), "levels deep") {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := Open(indexes(t, maxDepth, 2, list)); err != nil {
			t.Errorf("%s, as deep as may be: %v", name, err)
		}
	}
}

// Manifests are visited once, in however many ways they can be reached: in 100 to the power of 8 here.
func TestManifestsAreVisitedOnce(t *testing.T) {
	dir := indexes(t, maxDepth, 100, last)
	if images := only(t, dir).images(); len(images) != 1 {
		t.Errorf("found %d images, expected one", len(images))
	}
	files := entries(t, pack(t, dir, ArchiveOptions{Format: FormatOCI}))
	if l, err := Open(dir); err != nil || len(files) != len(l.blobs)+2 {
		t.Errorf("packed %d files for %d blobs, %v", len(files), len(l.blobs), err)
	}
	pack(t, dir, ArchiveOptions{Format: FormatDocker})
}

// Blobs may go by their SHA-512, whose names are longer than USTAR can hold.
func TestSHA512(t *testing.T) {
	dir := tamper(t, build(t, full(t)), func(dir string) {
		layer := only(t, dir).Layers[0].Digest
		blob, err := os.ReadFile(blobPath(dir, layer))
		if err != nil {
			t.Fatal(err)
		}
		long := digest.SHA512.FromBytes(blob)
		if err := os.MkdirAll(filepath.Dir(blobPath(dir, long)), 0o755); err != nil {
			t.Fatal(err)
		}
		reseal(t, dir, layer.String(), long.String())
		if err := os.Rename(blobPath(dir, layer), blobPath(dir, long)); err != nil {
			t.Fatal(err)
		}
	})
	long := only(t, dir).Layers[0].Digest
	for format, name := range map[Format]string{FormatDocker: long.Encoded() + ".tar", FormatOCI: "blobs/sha512/" + long.Encoded()} {
		archive := pack(t, dir, ArchiveOptions{Format: format})
		if content := entries(t, archive)[name]; digest.SHA512.FromBytes(content) != long {
			t.Errorf("%s: %s has %d bytes, and not its digest", format, name, len(content))
		}
		if !bytes.Equal(archive, pack(t, dir, ArchiveOptions{Format: format})) {
			t.Errorf("%s: two archives of the same differ", format)
		}
	}
}

// The index.json that rules_oci writes for an index has no schemaVersion, and is read nevertheless.
func TestOpenReadsUpstreamsIndex(t *testing.T) {
	dir := tamper(t, build(t, full(t)), func(d string) { replaceIn(t, filepath.Join(d, v1.ImageIndexFile), `"schemaVersion": 2,`, "") })
	if _, err := Open(dir); err != nil {
		t.Error(err)
	}
}

// entries lists an archive and checks that every header is the plain one.
func entries(t testing.TB, archive []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode != 0o644 || h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 || h.Uname != "" || h.Typeflag != tar.TypeReg {
			t.Errorf("%s: the header is %v", h.Name, h)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func pack(t testing.TB, dir string, o ArchiveOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteArchive(&b, dir, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// An archive depends on the layout and the options alone, and has what docker load and OCI readers look for.
func TestArchive(t *testing.T) {
	arm := build(t, full(t))
	amd := full(t)
	amd.Platform = v1.Platform{OS: "linux", Architecture: "amd64"}
	index := filepath.Join(t.TempDir(), "index")
	if err := BuildIndex(index, []string{build(t, amd), arm}, nil); err != nil {
		t.Fatal(err)
	}
	m := only(t, arm)
	o := ArchiveOptions{Format: FormatDocker, RepoTags: []string{"pause:1"}, Platform: &v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}}
	docker := pack(t, index, o)
	if !bytes.Equal(docker, pack(t, index, o)) {
		t.Error("two archives of the same differ")
	}
	files := entries(t, docker)
	config := m.Config.Digest.Encoded() + ".json"
	want := `[{"Config":"` + config + `","RepoTags":["pause:1"],"Layers":["` + m.Layers[0].Digest.Encoded() + `.tar","` + m.Layers[1].Digest.Encoded() + `.tar"]}]`
	if got := string(files["manifest.json"]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !bytes.Equal(files[config], m.ConfigRaw) || len(files) != 4 {
		t.Error("the archive lacks the config or has other files")
	}

	files = entries(t, pack(t, index, ArchiveOptions{Format: FormatOCI, RepoTags: []string{"a:1", "example.com/b:2"}}))
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Manifests) != 2 || l.Manifests[0].Desc.Digest != only(t, index).Desc.Digest || l.Manifests[0] != l.Manifests[1] {
		t.Error("the OCI archive should list the index once a tag")
	}
	if got := l.Entries[0].Object("annotations").String(annotationImageName); got != "docker.io/library/a:1" {
		t.Errorf("containerd would call it %q", got)
	}
}

// What cannot be packed is refused, and says what there would be.
func TestArchiveRefuses(t *testing.T) {
	index := filepath.Join(t.TempDir(), "index")
	arm, other := build(t, full(t)), full(t)
	other.User = "other"
	if err := BuildIndex(index, []string{arm, build(t, other)}, nil); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]ArchiveOptions{
		"linux/arm/v7":                             {Format: FormatDocker, Platform: &v1.Platform{OS: "linux", Architecture: "s390x"}},
		"choose one":                               {Format: FormatDocker},
		"want docker or oci":                       {Format: "zip"},
		"repository tag \"A B\"":                   {Format: FormatOCI, RepoTags: []string{"A B"}},
		"give a tag too, such as pause:latest":     {Format: FormatDocker, RepoTags: []string{"a:1", "pause"}},
		"give a tag too, such as h:5/pause:latest": {Format: FormatOCI, RepoTags: []string{"h:5/pause"}},
	} {
		if err := WriteArchive(io.Discard, index, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	for _, s := range []string{"linux", "linux/", "a/b/c/d", ""} {
		if p, err := ParsePlatform(s); err == nil {
			t.Errorf("platform %q was read as %v", s, p)
		}
	}
}

// An artifact refers to its subject, which stays as it is, and depends on its file and options alone.
func TestArtifact(t *testing.T) {
	image := build(t, full(t))
	o := ArtifactOptions{Subject: image, Type: "application/spdx+json", File: write(t, "sbom", []byte("{}")), Annotations: text("a=b")}
	dir := filepath.Join(t.TempDir(), "artifact")
	if err := BuildArtifact(dir, o); err != nil {
		t.Fatal(err)
	}
	m := only(t, dir)
	subject := m.Doc.Object("subject").String("digest")
	if m.Kind != Artifact || subject != only(t, image).Desc.Digest.String() || m.Layers[0].MediaType != o.Type || m.Config.MediaType != v1.MediaTypeEmptyJSON {
		t.Errorf("the manifest is %s", m.Raw)
	}
	again := filepath.Join(t.TempDir(), "again")
	if err := BuildArtifact(again, o); err != nil || only(t, again).Desc.Digest != m.Desc.Digest {
		t.Errorf("the same again differs: %v", err)
	}
	for _, bad := range []string{
		"no type/", "spdx", "/spdx", "text/", "text/plain; charset=utf-8", "text /plain", "text/pl/ain", "text/+json", "text/é", "text/plain\n", "text/" + strings.Repeat("a", 128),
	} {
		dir := filepath.Join(t.TempDir(), "bad")
		wrong := o
		wrong.Type = bad
		refused(t, bad, dir, BuildArtifact(dir, wrong), "is not a media type")
		wrong.Type, wrong.MediaType = o.Type, bad
		refused(t, bad, dir, BuildArtifact(dir, wrong), "is not a media type")
	}
}

// FuzzOpen: whatever index.json, manifest and config say, Open neither panics nor believes a wrong digest.
func FuzzOpen(f *testing.F) {
	m := only(f, build(f, full(f)))
	f.Add([]byte(nil), m.Raw, m.ConfigRaw)
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:../../x","size":1}]}`), m.Raw, m.ConfigRaw)
	f.Fuzz(func(t *testing.T, index, manifest, config []byte) {
		dir := t.TempDir()
		w := &Writer{dir}
		desc, err := w.Add(v1.MediaTypeImageManifest, manifest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Add(v1.MediaTypeImageConfig, config); err != nil {
			t.Fatal(err)
		}
		if len(index) == 0 {
			index = topIndex(desc)
		}
		if err := os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644); err != nil {
			t.Fatal(err)
		}
		l, err := Open(dir)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the message has several lines: %q", err)
			}
			return
		}
		for d := range l.blobs {
			data, err := fs.ReadFile(os.DirFS(dir), "blobs/"+strings.Replace(d.String(), ":", "/", 1))
			if err != nil || d.Algorithm().FromBytes(data) != d {
				t.Errorf("%s was believed: %v", d, err)
			}
		}
	})
}

package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/layer"
	"example.com/pause/tools/oci/imagetest"
)

const emptyTar = 1024 // bytes of an archive of nothing

// layoutOf makes a layout of a config, a manifest and index.json that have CONFIG, CONFIGSIZE, LAYER, MANIFEST, SIZE in place of
// digests and sizes.
func layoutOf(t testing.TB, config, manifest, index string) string {
	t.Helper()
	dir := t.TempDir()
	need.NoError(t, os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755))
	add := func(content []byte) string {
		d, err := Writer{dir}.Add("", content)
		need.NoError(t, err)
		return d.Digest
	}
	layer := add(make([]byte, emptyTar))
	config = strings.ReplaceAll(config, "DIFF", layer)
	manifest = strings.NewReplacer("CONFIGSIZE", fmt.Sprint(len(config)), "CONFIG", add([]byte(config)), "LAYER", layer).Replace(manifest)
	index = strings.NewReplacer("SIZE", fmt.Sprint(len(manifest)), "MANIFEST", add([]byte(manifest))).Replace(index)
	for name, content := range map[string]string{"index.json": index, "oci-layout": layoutMarker} {
		need.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	return dir
}

const (
	minimalConfig   = `{"architecture":"amd64","config":{},"os":"linux","rootfs":{"diff_ids":["DIFF"],"type":"layers"}}`
	minimalManifest = `{"config":{"digest":"CONFIG","mediaType":"application/vnd.oci.image.config.v1+json","size":CONFIGSIZE},` +
		`"layers":[{"digest":"LAYER","mediaType":"application/vnd.oci.image.layer.v1.tar","size":1024}],` +
		`"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}`
	minimalIndex = `{"manifests":[{"digest":"MANIFEST","mediaType":"application/vnd.oci.image.manifest.v1+json","size":SIZE}],` +
		`"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}`
)

// changed makes a layout of the minimal documents, in one of which with is in the place of old.
func changed(t testing.TB, document, old, with string) string {
	t.Helper()
	if !strings.Contains(document, old) {
		t.Fatalf("%q is not in %s", old, document)
	}
	documents := []string{minimalConfig, minimalManifest, minimalIndex}
	documents[slices.Index(documents, document)] = strings.Replace(document, old, with, 1)
	return layoutOf(t, documents[0], documents[1], documents[2])
}

// canonicalOf returns the canonical form, its config and its manifest.
func canonicalOf(t testing.TB, dir string) (output, config, manifest string) {
	t.Helper()
	output = filepath.Join(t.TempDir(), "canonical")
	need.NoError(t, Canonical(output, dir, nil))
	i := mustOpen(t, output)
	return output, string(mustRead(t, i, i.ConfigDescriptor)), string(mustRead(t, i, i.Descriptor))
}

func mustOpen(t testing.TB, dir string) *Image {
	t.Helper()
	i, err := Open(dir)
	need.NoError(t, err)
	return i
}

func mustRead(t testing.TB, i *Image, d Descriptor) []byte {
	t.Helper()
	content, err := i.Blob(d)
	need.NoError(t, err)
	return content
}

// Whatever has the same meaning gets the same bytes.
func TestSameMeaningSameDigest(t *testing.T) {
	want, config, _ := canonicalOf(t, layoutOf(t, minimalConfig, minimalManifest, minimalIndex))
	if !strings.HasPrefix(config, `{"architecture":"amd64","config":{},"os":"linux"`) {
		t.Errorf("what is canonical already was changed to %s", config)
	}
	for name, dir := range map[string]string{
		"white space":         changed(t, minimalConfig, `"os":`, " \n\t\"os\" : "),
		"order":               changed(t, minimalConfig, `"architecture":"amd64","config":{}`, `"config":{},"architecture":"amd64"`),
		"escapes":             changed(t, minimalConfig, `"amd64"`, `"amd\u0036\u0034"`),
		"placeholder date":    changed(t, minimalConfig, `"os":`, `"created":"1970-01-01T00:00:00Z","os":`),
		"build labels":        changed(t, minimalConfig, `"os":`, `"history":[{"created":"1970-01-01T00:00:00Z","created_by":"bazel build @@//x:y"}],"os":`),
		"no history":          changed(t, minimalConfig, `"os":`, `"history":[],"os":`),
		"no annotations":      changed(t, minimalManifest, `"layers"`, `"annotations":{},"layers"`),
		"no media type":       changed(t, minimalManifest, `"mediaType":"application/vnd.oci.image.manifest.v1+json",`, ``),
		"layer annotations":   changed(t, minimalManifest, `"size":1024`, `"annotations":{},"size":1024`),
		"name":                changed(t, minimalIndex, `"size"`, `"annotations":{"org.opencontainers.image.ref.name":"latest"},"size"`),
		"index.json of jq":    changed(t, minimalIndex, `"manifests":[`, "\"manifests\": [\n  "),
		"index.json upstream": changed(t, minimalIndex, `,"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2`, ""),
	} {
		if got, _, _ := canonicalOf(t, dir); !sameImage(t, got, want) {
			t.Errorf("%s: makes a difference", name)
		}
	}
}

// sameImage reports whether two layouts have the same index.json, which has the digest of the image, and blobs of the same digests.
func sameImage(t testing.TB, a, b string) bool {
	t.Helper()
	var seen []string
	for _, dir := range []string{a, b} {
		index, err := os.ReadFile(filepath.Join(dir, "index.json"))
		need.NoError(t, err)
		blobs, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
		need.NoError(t, err)
		seen = append(seen, fmt.Sprintf("%s %v", index, blobs))
	}
	return seen[0] == seen[1]
}

// Everything that carries meaning, known to the specification or not, stays, digit by digit.
func TestMeaningStays(t *testing.T) {
	for _, member := range []string{
		`"author":"A"`, `"author":null`, `"created":"1970-01-01T00:00:01Z"`, `"created":"whenever"`, `"variant":"v1"`, `"x":null`,
		`"x":{"b":[1.0,1e400,12345678901234567890123,-0],"c":"<é&😀\u0001\\"}`,
		`"history":[{"created_by":"RUN make"}]`, `"history":[{"comment":"c"}]`,
		`"history":[{"empty_layer":true}]`, `"os.features":[]`, `"history":"odd"`, `"history":[1]`,
	} {
		stays(t, minimalConfig, "{", member+",")
	}
	for _, member := range []string{`"Cmd":[]`, `"Env":[]`, `"User":""`, `"Labels":{}`, `"X":null`, `"OnBuild":null`} {
		stays(t, minimalConfig, `"config":{`, member)
	}
	for _, member := range []string{`"annotations":{"a":"b"}`, `"x":{"a":[{}]}`, `"artifactType":"a/b"`} {
		stays(t, minimalManifest, "{", member+",")
	}
}

// stays checks that what is added to a document is there in its canonical form.
func stays(t *testing.T, document, after, added string) {
	t.Helper()
	if _, config, manifest := canonicalOf(t, changed(t, document, after, after+added)); !strings.Contains(config+manifest, strings.TrimSuffix(added, ",")) {
		t.Errorf("%s: became %s and %s", added, config, manifest)
	}
}

// A history that has more than build labels keeps an entry a layer.
func TestHistoryKeepsItsPlace(t *testing.T) {
	label, command := `{"created_by":"bazel build //a","created":"1970-01-01T00:00:00Z"}`, `{"created_by":"RUN x"}`
	for history, want := range map[string]string{
		label + "," + command: "{}," + command,
		command + "," + label: command + ",{}",
	} {
		if _, got, _ := canonicalOf(t, changed(t, minimalConfig, `"os":`, `"history":[`+history+`],"os":`)); !strings.Contains(got, `"history":[`+want+`]`) {
			t.Errorf("became %s", got)
		}
	}
}

// example is an index of two images with one layer each, as go-containerregistry writes them.
func example(t testing.TB) string {
	t.Helper()
	return imagetest.Example(t, "linux/amd64", "linux/arm/v7")
}

// The canonical form of the canonical form is itself, has the annotations that were asked for, and go-containerregistry accepts
// it.
func TestIdempotentAndValid(t *testing.T) {
	once, twice := filepath.Join(t.TempDir(), "once"), filepath.Join(t.TempDir(), "twice")
	annotations := map[string]string{"org.opencontainers.image.title": "<pause> & more"}
	need.NoError(t, Canonical(once, example(t), annotations))
	need.NoError(t, Canonical(twice, once, annotations))
	if !sameImage(t, once, twice) {
		t.Error("not idempotent")
	}
	root := mustOpen(t, once)
	if got := string(mustRead(t, root, root.Descriptor)); !strings.HasPrefix(got, `{"annotations":{"org.opencontainers.image.title":"<pause> & more"},"manifests":[{`) {
		t.Errorf("the index is %s", got)
	}
	index, err := layout.ImageIndexFromPath(once)
	need.NoError(t, err)
	need.NoError(t, validate.Index(index))
	var platforms []string
	for _, i := range root.Images {
		platforms = append(platforms, i.Platform())
	}
	if !slices.Equal(platforms, []string{"linux/amd64", "linux/arm/v7"}) {
		t.Errorf("the platforms are %q", platforms)
	}
}

// A blob that is missing or damaged is found, and one line says which; nothing is written.
func TestRefusesDamage(t *testing.T) {
	dir := example(t)
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
	if err != nil || len(blobs) != 7 {
		t.Fatal(blobs, err)
	}
	for _, blob := range blobs {
		content, err := os.ReadFile(blob)
		need.NoError(t, err)
		for name, damaged := range map[string][]byte{
			"missing": nil, "changed": append(slices.Clone(content[1:]), 'x'), "longer": append(slices.Clone(content), ' '),
		} {
			need.NoError(t, os.Remove(blob))
			if damaged != nil {
				need.NoError(t, os.WriteFile(blob, damaged, 0o644))
			}
			refused(t, name, dir, filepath.Base(blob))
			need.NoError(t, os.WriteFile(blob, content, 0o644))
		}
	}
}

// refused checks that the layout cannot be made canonical, that one line says want, and that nothing is left behind.
func refused(t testing.TB, name, dir, want string) {
	t.Helper()
	parent := t.TempDir()
	err := Canonical(filepath.Join(parent, "out"), dir, nil)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%s: got %v; want one line with %q", name, err, want)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("%s: left behind %v, %v", name, left, err)
	}
}

// What is not understood is refused, and not guessed at.
func TestRefuses(t *testing.T) {
	long := strings.Repeat("0", 128)
	for name, c := range map[string]struct{ in, old, with, want string }{
		"no JSON":            {minimalConfig, `{`, `{{`, "is not JSON"},
		"no object":          {minimalConfig, minimalConfig, `[]`, "is not a JSON object"},
		"name twice":         {minimalConfig, `"os":`, `"os":"linux","os":`, `the name "os" twice`},
		"name twice, nested": {minimalConfig, `"config":{}`, `"config":{"Labels":{"a":"1","\u0061":"2"}}`, `the name "a" twice`},
		"half a surrogate":   {minimalConfig, `"amd64"`, `"\ud800"`, "not Unicode"},
		"not UTF-8":          {minimalConfig, `"amd64"`, "\"\xff\"", "not Unicode"},
		"no os":              {minimalConfig, `"os":"linux",`, ``, "has no os"},
		"no diff id":         {minimalConfig, `"DIFF"`, ``, "0 diff_ids for 1 layers"},
		"schema 1":           {minimalManifest, `"schemaVersion":2`, `"schemaVersion":1`, "schemaVersion is not 2"},
		"no layers":          {minimalManifest, `"layers"`, `"layer"`, "has no layers"},
		"Docker config":      {minimalManifest, `application/vnd.oci.image.config.v1+json`, `application/vnd.docker.container.image.v1+json`, `"application/vnd.docker.container.image.v1+json" is not supported`},
		"zstd":               {minimalManifest, `layer.v1.tar`, `layer.v1.tar+zstd`, `+zstd" is not supported`},
		"other type":         {minimalManifest, `image.manifest`, `image.index`, "calls itself"},
		"embedded data":      {minimalManifest, `"size":1024`, `"data":"","size":1024`, "data in a descriptor"},
		"other size":         {minimalManifest, `"size":1024`, `"size":1023`, "has 1024 bytes, and its descriptor says 1023"},
		"negative size":      {minimalManifest, `"size":1024`, `"size":-1`, "is not a number of bytes"},
		"fractional size":    {minimalManifest, `"size":1024`, `"size":1024.5`, "is not a number of bytes"},
		"path":               {minimalManifest, `LAYER`, `sha256:../../../etc/passwd`, "is not supported"},
		"SHA-512":            {minimalIndex, `MANIFEST`, `sha512:` + long, `digest "sha512:` + long + `" is not supported`},
		"Docker manifest":    {minimalIndex, `application/vnd.oci.image.manifest.v1+json`, `application/vnd.docker.distribution.manifest.v2+json`, "is not supported"},
		"two images":         {minimalIndex, `[{`, `[{},{`, "lists 2 manifests"},
	} {
		refused(t, name, changed(t, c.in, c.old, c.with), c.want)
	}
	refused(t, "no layout", t.TempDir(), "index.json")
	inner := `{"manifests":[{"digest":"CONFIG","mediaType":"` + MediaTypeIndex + `","size":CONFIGSIZE}],"schemaVersion":2}`
	refused(t, "index in an index", layoutOf(t, `{"manifests":[],"schemaVersion":2}`, inner, strings.ReplaceAll(minimalIndex, MediaTypeManifest, MediaTypeIndex)), "is not supported")
}

// An archive has the same bytes each time, go-containerregistry reads it, and engines find the names that were asked for.
func TestArchives(t *testing.T) {
	root := mustOpen(t, example(t))
	write := func(i *Image, tags ...string) []byte {
		t.Helper()
		one, err := i.Archive(tags)
		need.NoError(t, err)
		if two, err := i.Archive(tags); err != nil || !bytes.Equal(one, two) {
			t.Errorf("the second archive is another (%v)", err)
		}
		return one
	}
	dir := t.TempDir()
	unpack(t, dir, write(root, "pause:1.0.0", "registry.example.com/team/pause:latest"))
	content, err := os.ReadFile(filepath.Join(dir, "index.json"))
	need.NoError(t, err)
	for _, want := range []string{
		`"io.containerd.image.name":"docker.io/library/pause:1.0.0","org.opencontainers.image.ref.name":"pause:1.0.0"`,
		`"io.containerd.image.name":"registry.example.com/team/pause:latest"`,
	} {
		if !strings.Contains(string(content), want) {
			t.Errorf("%s is not in %s", want, content)
		}
	}
	index, err := layout.ImageIndexFromPath(dir)
	need.NoError(t, err)
	need.NoError(t, validate.Index(index))
	dir = t.TempDir()
	unpack(t, dir, write(root))
	if again := mustOpen(t, dir); again.Digest != root.Digest {
		t.Errorf("without a name the archive has %s; want %s", again.Digest, root.Digest)
	}

	// Engines that know no OCI layouts find an image by its name, and an image of an index by its architecture.
	one := root.Images[0]
	for from, as := range map[*Image]string{one: "pause:1.0.0", root: "pause:1.0.0-" + strings.TrimPrefix(one.Platform(), "linux/")} {
		file := filepath.Join(t.TempDir(), "image.tar")
		need.NoError(t, os.WriteFile(file, write(from, "pause:1.0.0"), 0o644))
		tag, err := name.NewTag(as)
		need.NoError(t, err)
		image, err := tarball.ImageFromPath(file, &tag)
		need.NoError(t, err)
		need.NoError(t, validate.Image(image))
		if got, err := image.ConfigName(); err != nil || got.String() != one.ConfigDescriptor.Digest {
			t.Errorf("the config of %s is %s (%v); want %s", as, got, err, one.ConfigDescriptor.Digest)
		}
	}

	for _, i := range []*Image{one, root} {
		line, err := i.Text([]string{"pause:1.0.0"})
		need.NoError(t, err)
		compressed, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(string(line), "\n"))
		need.NoError(t, err)
		r, err := gzip.NewReader(bytes.NewReader(compressed))
		need.NoError(t, err)
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, write(i, "pause:1.0.0")) {
			t.Errorf("the line of text of %s is not its archive (%v)", i.Digest, err)
		}
	}

	for _, tag := range []string{"", "pause", "Pause:1", "pause:1:2", "pause:", "a b:1", "pause@sha256:00", "/pause:1"} {
		if _, err := root.Archive([]string{tag}); err == nil {
			t.Errorf("the name %q was accepted", tag)
		}
	}
}

func unpack(t *testing.T, dir string, archive []byte) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if err == io.EOF {
			return
		}
		need.NoError(t, err)
		if header.Mode != 0o644 || header.Uid != 0 || header.Gid != 0 || header.ModTime.Unix() != 0 || header.Format != tar.FormatUSTAR {
			t.Errorf("an entry depends on more than the image: %+v", header)
		}
		content, err := io.ReadAll(r)
		need.NoError(t, err)
		path := filepath.Join(dir, header.Name)
		need.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		need.NoError(t, os.WriteFile(path, content, 0o644))
	}
}

// An artifact has the file, names the image as its subject, and says what it is.
func TestArtifact(t *testing.T) {
	image := example(t)
	file := filepath.Join(t.TempDir(), "sbom.json")
	need.NoError(t, os.WriteFile(file, []byte("{ }"), 0o644))
	dir := filepath.Join(t.TempDir(), "artifact")
	need.NoError(t, Artifact(dir, image, "application/spdx+json", file))
	index, err := layout.ImageIndexFromPath(dir)
	need.NoError(t, err)
	top, err := index.IndexManifest()
	need.NoError(t, err)
	artifact, err := index.Image(top.Manifests[0].Digest)
	need.NoError(t, err)
	manifest, err := artifact.Manifest()
	need.NoError(t, err)
	if manifest.ArtifactType != "application/spdx+json" || manifest.Subject.Digest.String() != mustOpen(t, image).Digest || len(manifest.Layers) != 1 {
		t.Errorf("the manifest is %+v", manifest)
	}
	layer, err := artifact.LayerByDigest(manifest.Layers[0].Digest)
	need.NoError(t, err)
	blob, err := layer.Compressed()
	need.NoError(t, err)
	defer blob.Close()
	if content, err := io.ReadAll(blob); err != nil || string(content) != "{ }" {
		t.Errorf("the file is %q (%v)", content, err)
	}
	for _, bad := range []string{"", "json", "application/json; charset=utf-8", "a/b/c"} {
		if err := Artifact(filepath.Join(t.TempDir(), "x"), image, bad, file); err == nil {
			t.Errorf("the type %q was accepted", bad)
		}
	}
}

// A golden file begins with the digest, has the documents without loss, and a dump of a small layer without rows of zeros.
func TestGolden(t *testing.T) {
	dir, _, manifest := canonicalOf(t, imagetest.Layout(t, imagetest.Image(t, v1.ConfigFile{OS: "linux", Architecture: "amd64"},
		imagetest.Layer(t, strings.Repeat("\x00", 600)+"end"),
		layer.Gzip(bytes.Repeat([]byte("x"), maxDump+512)))))
	image := mustOpen(t, dir)
	var out bytes.Buffer
	need.NoError(t, image.Golden(&out))
	text := out.String()
	first, rest, _ := strings.Cut(text, "\n")
	if first != image.Digest {
		t.Errorf("the first line is %q; want %s", first, image.Digest)
	}
	_, rest, _ = strings.Cut(rest, fmt.Sprintf("\nmanifest: %d bytes\n", image.Size))
	document, _, _ := strings.Cut(rest, "\n\n")
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(document)); err != nil || compact.String() != manifest {
		t.Errorf("the manifest became %s (%v); want %s", &compact, err, manifest)
	}
	for _, want := range []string{
		fmt.Sprintf("\nconfig: %d bytes\n{\n  \"architecture\": \"amd64\",", image.ConfigDescriptor.Size),
		fmt.Sprintf("\nlayer: %d bytes, %s\narchive: 2560 bytes, sha256:", image.Layers[0].Size, image.Layers[0].Digest),
		"\n00000000  70 61 75 73 65 00 00 00  00 00 00 00 00 00 00 00  |pause...........|\n00000060 ",
		"\n00000450  00 00 00 00 00 00 00 00  65 6e 64 00 00 00 00 00  |........end.....|\n",
		fmt.Sprintf("\nlayer: %d bytes, %s\narchive: 16896 bytes, %s\n", image.Layers[1].Size, image.Layers[1].Digest,
			digest(bytes.Repeat([]byte("x"), maxDump+512))),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "xxxx") {
		t.Errorf("a large layer is there as a dump:\n%s", text)
	}
	if strings.Contains(text, "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00") || !strings.HasSuffix(text, "\n") {
		t.Errorf("a row of zeros, or no line end:\n%s", text)
	}
	if err := mustOpen(t, example(t)).Golden(io.Discard); err == nil || !strings.Contains(err.Error(), "not in canonical form") {
		t.Errorf("an image in another form: %v", err)
	}
	dir, _, _ = canonicalOf(t, changed(t, minimalConfig, "DIFF", "sha256:"+strings.Repeat("0", 64)))
	if err := mustOpen(t, dir).Golden(io.Discard); err == nil || !strings.Contains(err.Error(), "diff_ids has sha256:000") {
		t.Errorf("another diff id: %v", err)
	}
}

package canonical

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/oci"
)

const emptyTar = 1024 // bytes of an archive of nothing

// layoutOf makes a layout of a config and a manifest that has CONFIG, CONFIGSIZE, LAYER in place of the digest and size
// of the config and of the digest of its only layer.
func layoutOf(t testing.TB, config, manifest, entry string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	err := oci.Create(dir, func(w *oci.Writer) ([]byte, error) {
		layer, err := w.Add(v1.MediaTypeImageLayer, make([]byte, emptyTar))
		if err != nil {
			return nil, err
		}
		config = strings.ReplaceAll(config, "DIFF", layer.Digest.String())
		c, err := w.Add(v1.MediaTypeImageConfig, []byte(config))
		if err != nil {
			return nil, err
		}
		manifest = strings.NewReplacer("CONFIGSIZE", itoa(c.Size), "CONFIG", c.Digest.String(), "LAYER", layer.Digest.String()).Replace(manifest)
		m, err := w.Add(v1.MediaTypeImageManifest, []byte(manifest))
		if err != nil {
			return nil, err
		}
		return []byte(strings.NewReplacer("SIZE", itoa(m.Size), "MANIFEST", m.Digest.String()).Replace(entry)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

const (
	minimalConfig   = `{"architecture":"amd64","config":{},"os":"linux","rootfs":{"diff_ids":["DIFF"],"type":"layers"}}`
	minimalManifest = `{"config":{"digest":"CONFIG","mediaType":"application/vnd.oci.image.config.v1+json","size":CONFIGSIZE},` +
		`"layers":[{"digest":"LAYER","mediaType":"application/vnd.oci.image.layer.v1.tar","size":1024}],` +
		`"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}`
	minimalIndex = `{"manifests":[{"digest":"MANIFEST","mediaType":"application/vnd.oci.image.manifest.v1+json","size":SIZE}],` +
		`"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}`
)

// canonicalOf returns the config and the manifest of the canonical form.
func canonicalOf(t testing.TB, dir string) (output string, config, manifest string) {
	t.Helper()
	output = filepath.Join(t.TempDir(), "canonical")
	if err := Write(output, dir); err != nil {
		t.Fatal(err)
	}
	l, err := oci.Open(output)
	if err != nil {
		t.Fatal(err)
	}
	m := l.Manifests[0]
	return output, string(m.ConfigRaw), string(m.Raw)
}

// Whatever has the same meaning gets the same bytes.
func TestSameMeaningSameDigest(t *testing.T) {
	want, config, _ := canonicalOf(t, layoutOf(t, minimalConfig, minimalManifest, minimalIndex))
	if !strings.HasPrefix(config, `{"architecture":"amd64","config":{},"os":"linux"`) {
		t.Errorf("what is canonical already was changed to %s", config)
	}
	replace := func(s, old, with string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("%q is not in %s", old, s)
		}
		return strings.Replace(s, old, with, 1)
	}
	withConfig := func(old, with string) string {
		return layoutOf(t, replace(minimalConfig, old, with), minimalManifest, minimalIndex)
	}
	withManifest := func(old, with string) string {
		return layoutOf(t, minimalConfig, replace(minimalManifest, old, with), minimalIndex)
	}
	for name, dir := range map[string]string{
		"white space":         withConfig(`"os":`, " \n\t\"os\" : "),
		"order":               withConfig(`"architecture":"amd64","config":{}`, `"config":{},"architecture":"amd64"`),
		"escapes":             withConfig(`"amd64"`, `"amd\u0036\u0034"`),
		"placeholder date":    withConfig(`"os":`, `"created":"1970-01-01T00:00:00Z","os":`),
		"another zone":        withConfig(`"os":`, `"created":"1970-01-01T01:00:00+01:00","os":`),
		"null":                withConfig(`"os":`, `"author":null,"history":null,"os":`),
		"null in config":      withConfig(`"config":{}`, `"config":{"Cmd":null,"Env":null}`),
		"build labels":        withConfig(`"os":`, `"history":[{"created":"1970-01-01T00:00:00Z","created_by":"bazel build @@//x:y"}],"os":`),
		"no history":          withConfig(`"os":`, `"history":[],"os":`),
		"no annotations":      withManifest(`"layers"`, `"annotations":{},"layers"`),
		"no media type":       withManifest(`"mediaType":"application/vnd.oci.image.manifest.v1+json",`, ``),
		"layer annotations":   withManifest(`"size":1024`, `"annotations":{},"size":1024`),
		"index.json of jq":    layoutOf(t, minimalConfig, minimalManifest, strings.ReplaceAll(minimalIndex, ",", " , ")),
		"index.json upstream": layoutOf(t, minimalConfig, minimalManifest, replace(minimalIndex, `,"schemaVersion":2`, "")),
	} {
		if got, _, _ := canonicalOf(t, dir); !sameFolder(t, got, want) {
			t.Errorf("%s: makes a difference", name)
		}
	}
}

// sameFolder compares two folders, file by file.
func sameFolder(t testing.TB, a, b string) bool {
	t.Helper()
	return maps.EqualFunc(folder(t, a), folder(t, b), bytes.Equal)
}

func folder(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	fsys := os.DirFS(dir)
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files[path], err = fs.ReadFile(fsys, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Everything that carries meaning, known to the specification or not, stays, digit by digit.
func TestMeaningStays(t *testing.T) {
	for _, member := range []string{
		`"author":"A"`, `"created":"1970-01-01T00:00:01Z"`, `"created":"whenever"`, `"variant":"v1"`, `"x":null`,
		`"x":{"b":[1.0,1e400,12345678901234567890123,-0],"c":"<é&😀\u0001\\"}`,
		`"history":[{"created_by":"RUN make"}]`, `"history":[{"comment":"c"}]`,
		`"history":[{"empty_layer":true}]`, `"os.features":[]`, `"history":"odd"`, `"history":[1]`,
	} {
		config := strings.Replace(minimalConfig, "{", "{"+member+",", 1)
		if _, got, _ := canonicalOf(t, layoutOf(t, config, minimalManifest, minimalIndex)); !strings.Contains(got, member) {
			t.Errorf("%s: became %s", member, got)
		}
	}
	for _, member := range []string{`"Cmd":[]`, `"Env":[]`, `"User":""`, `"Labels":{}`, `"X":null`, `"OnBuild":null`} {
		config := strings.Replace(minimalConfig, `"config":{`, `"config":{`+member, 1)
		if _, got, _ := canonicalOf(t, layoutOf(t, config, minimalManifest, minimalIndex)); !strings.Contains(got, member) {
			t.Errorf("%s: became %s", member, got)
		}
	}
	for _, member := range []string{`"annotations":{"a":"b"}`, `"x":{"a":[{}]}`, `"artifactType":"a/b"`} {
		manifest := strings.Replace(minimalManifest, "{", "{"+member+",", 1)
		if _, _, got := canonicalOf(t, layoutOf(t, minimalConfig, manifest, minimalIndex)); !strings.Contains(got, member) {
			t.Errorf("%s: became %s", member, got)
		}
	}
}

// A history that has more than build labels keeps an entry a layer.
func TestHistoryKeepsItsPlace(t *testing.T) {
	label, command := `{"created_by":"bazel build //a","created":"1970-01-01T00:00:00Z"}`, `{"created_by":"RUN x"}`
	for history, want := range map[string]string{
		label + "," + command: "{}," + command,
		command + "," + label: command + ",{}",
	} {
		config := strings.Replace(minimalConfig, `"os":`, `"history":[`+history+`],"os":`, 1)
		if _, got, _ := canonicalOf(t, layoutOf(t, config, minimalManifest, minimalIndex)); !strings.Contains(got, `"history":[`+want+`]`) {
			t.Errorf("became %s", got)
		}
	}
}

// realistic is an index of two images as tools/oci builds it: indented, with labels in the history.
func realistic(t testing.TB) string {
	t.Helper()
	tar := filepath.Join(t.TempDir(), "l.tar.gz")
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	w.Write(make([]byte, emptyTar))
	w.Close()
	if err := os.WriteFile(tar, compressed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	var images []string
	for _, arch := range []string{"amd64", "s390x"} {
		dir := filepath.Join(t.TempDir(), arch)
		err := oci.BuildImage(dir, oci.ImageOptions{
			Platform: v1.Platform{OS: "linux", Architecture: arch},
			Layers:   []oci.Layer{{Path: tar, CreatedBy: "bazel build @@//:l"}}, User: "65535:65535",
		})
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, dir)
	}
	dir := filepath.Join(t.TempDir(), "index")
	annotations := "org.opencontainers.image.title=pause"
	if err := oci.BuildIndex(dir, images, &annotations); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The canonical form of the canonical form is itself, and go-containerregistry accepts it.
func TestIdempotentAndValid(t *testing.T) {
	once := filepath.Join(t.TempDir(), "once")
	if err := Write(once, realistic(t)); err != nil {
		t.Fatal(err)
	}
	twice := filepath.Join(t.TempDir(), "twice")
	if err := Write(twice, once); err != nil {
		t.Fatal(err)
	}
	if !sameFolder(t, once, twice) {
		t.Error("not idempotent")
	}
	index, err := layout.ImageIndexFromPath(once)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	for path, data := range folder(t, once) {
		if bytes.ContainsAny(data, "\n\t") || bytes.Contains(data, []byte("bazel")) {
			t.Errorf("%s: is not compact, or has a build label: %s", path, data)
		}
	}
}

// Data that a descriptor embeds, and a subject in the same layout, follow what they are about.
func TestEmbeddedDataAndSubjects(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	err := oci.Create(dir, func(w *oci.Writer) ([]byte, error) {
		config, err := w.Add(v1.MediaTypeImageConfig, []byte(`{ "os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]} }`))
		if err != nil {
			return nil, err
		}
		image, err := w.Add(v1.MediaTypeImageManifest, []byte(`{"schemaVersion":2,"layers":[],"config":{"mediaType":"`+config.MediaType+`","digest":"`+
			config.Digest.String()+`","size":`+itoa(config.Size)+`,"data":"eyAib3MiOiJsaW51eCIsImFyY2hpdGVjdHVyZSI6ImFtZDY0Iiwicm9vdGZzIjp7InR5cGUiOiJsYXllcnMiLCJkaWZmX2lkcyI6W119IH0="}}`))
		if err != nil {
			return nil, err
		}
		empty, err := w.Add(v1.MediaTypeEmptyJSON, []byte("{}"))
		if err != nil {
			return nil, err
		}
		ref := func(d v1.Descriptor) string {
			return `{"mediaType":"` + d.MediaType + `","digest":"` + d.Digest.String() + `","size":` + itoa(d.Size) + `}`
		}
		artifact, err := w.Add(v1.MediaTypeImageManifest, []byte(`{"schemaVersion":2,"artifactType":"a/b","config":`+ref(empty)+`,"layers":[`+ref(empty)+`],"subject":`+ref(image)+`}`))
		if err != nil {
			return nil, err
		}
		return []byte(`{"schemaVersion":2,"manifests":[` + ref(artifact) + `,` + ref(image) + `]}`), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(t.TempDir(), "out")
	if err := Write(output, dir); err != nil {
		t.Fatal(err)
	}
	l, err := oci.Open(output)
	if err != nil {
		t.Fatal(err)
	}
	if l.Manifests[0].Subject != l.Manifests[1] {
		t.Error("the subject was not rewritten with its image")
	}
	if got := l.Manifests[1].Config; !bytes.Equal(got.Data, l.Manifests[1].ConfigRaw) {
		t.Errorf("the embedded data is %q", got.Data)
	}
}

// A layout that is not valid is refused with one line, and nothing is written.
func TestRefuses(t *testing.T) {
	dir := realistic(t)
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	if err != nil || len(blobs) == 0 {
		t.Fatal(err)
	}
	for _, blob := range blobs {
		content, err := os.ReadFile(blob)
		if err != nil {
			t.Fatal(err)
		}
		for name, damage := range map[string]func() error{
			"missing": func() error { return os.Remove(blob) },
			"changed": func() error { return os.WriteFile(blob, append(slices.Clone(content[1:]), 'x'), 0o644) },
			"longer":  func() error { return os.WriteFile(blob, append(slices.Clone(content), ' '), 0o644) },
		} {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			parent := t.TempDir()
			err := Write(filepath.Join(parent, "out"), dir)
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), filepath.Base(blob)) {
				t.Errorf("%s %s: got %v", name, filepath.Base(blob), err)
			}
			if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
				t.Errorf("%s: left behind %v, %v", name, left, err)
			}
			if err := os.WriteFile(blob, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// FuzzWrite: any config and manifest are either refused without output, or come out valid and stay as they are then.
func FuzzWrite(f *testing.F) {
	f.Add(minimalConfig, minimalManifest)
	f.Add(strings.Replace(minimalConfig, "{", `{"history":[{},null,3],"created":"1970-01-01T00:00:00Z","x":[{"b":1,"a":2}],`, 1), minimalManifest)
	f.Fuzz(func(t *testing.T, config, manifest string) {
		dir := layoutOf(t, config, manifest, minimalIndex)
		parent := t.TempDir()
		once, twice := filepath.Join(parent, "once"), filepath.Join(parent, "twice")
		if err := Write(once, dir); err != nil {
			if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
				t.Fatalf("refused, but left %v, %v", left, err)
			}
			return
		}
		if err := Write(twice, once); err != nil {
			t.Fatalf("its own output is refused: %v", err)
		}
		if !sameFolder(t, once, twice) {
			t.Fatal("not idempotent")
		}
	})
}

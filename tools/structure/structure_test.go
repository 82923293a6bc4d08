package structure

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/v1"
	emptyimage "github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/golden/imagetest"
)

var linuxAMD64 = &v1.Platform{OS: "linux", Architecture: "amd64"}

func program(t *testing.T) imagetest.File {
	t.Helper()
	return imagetest.File{Name: "pause", Mode: 0o555, Content: imagetest.ELF(t, elf.EM_X86_64, elf.ELFCLASS64, binary.LittleEndian)}
}

func config() ggcr.ConfigFile {
	return ggcr.ConfigFile{
		OS: "linux", Architecture: "amd64",
		Config: ggcr.Config{User: "65535:65535", Entrypoint: []string{"/pause"}},
	}
}

func layer(t *testing.T, files ...imagetest.File) []byte {
	t.Helper()
	return imagetest.Gzip(t, imagetest.Tar(t, files...))
}

func open(t *testing.T, root mutate.Appendable, platform *v1.Platform) *Image {
	t.Helper()
	image, err := Open(imagetest.Layout(t, root), platform)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func parse(t *testing.T, yaml string) []*Config {
	t.Helper()
	if yaml == "" {
		return nil
	}
	c, err := ParseConfig("a.yaml", []byte("schemaVersion: 2.0.0\n"+yaml))
	if err != nil {
		t.Fatal(err)
	}
	return []*Config{c}
}

// failures returns the names of the failed checks, and all their problems as a text.
func failures(r *Report) (names []string, problems string) {
	for _, c := range r.Checks {
		if len(c.Problems) > 0 {
			names = append(names, strings.TrimPrefix(c.Name, "a.yaml: "))
			problems += strings.Join(c.Problems, "\n") + "\n"
		}
	}
	return names, problems
}

// An image as it is meant passes every check, YAML and options.
func TestEverythingPasses(t *testing.T) {
	image := open(t, imagetest.Image(t, config(), layer(t, program(t))), linuxAMD64)
	report := image.Check(parse(t, `
metadataTest: {entrypoint: [/pause], cmd: [], user: 65535:65535, unboundEnvVars: [{key: PATH}], unexposedPorts: [80], unmountedVolumes: [/tmp]}
fileExistenceTests:
- {name: program, path: /pause, permissions: -r-xr-xr-x, uid: 0, gid: 0, isExecutableBy: other}
- {name: no shell, path: /bin/sh, shouldExist: false}
- {name: root, path: /}
fileContentTests: [{name: is ELF, path: /pause, expectedContents: ["^\\x7fELF"], excludedContents: [GLIBC]}]
`), Options{
		Platform: linuxAMD64, Golden: image.record, MaxBytes: image.Bytes(), OnlyFiles: []string{"/pause"}, OnlyConfig: true, CanonicalLayer: true,
	})
	if names, problems := failures(report); names != nil {
		t.Errorf("failed: %q\n%s", names, problems)
	}
	var out bytes.Buffer
	if _, err := report.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(out.String(), "\n"); len(lines) != len(report.Checks)+2 || !strings.HasSuffix(out.String(), "18 checks: 18 passed, 0 failed\n") {
		t.Errorf("expected a line for each of 18 checks and a summary:\n%s", out.String())
	}
}

// Each metadata check fails by itself when the config says something else, and shows both sides.
func TestMetadataFails(t *testing.T) {
	c := config()
	c.Config = ggcr.Config{
		Entrypoint: []string{"/pause", "-v"}, Cmd: []string{"x"}, User: "0", WorkingDir: "/w", Env: []string{"A=1", "A=b"},
		Labels: map[string]string{"l": "m"}, ExposedPorts: map[string]struct{}{"80/tcp": {}}, Volumes: map[string]struct{}{"/v": {}},
	}
	image := open(t, imagetest.Image(t, c, layer(t, program(t))), nil)
	for yaml, expected := range map[string]string{
		"{entrypoint: [/pause]}":          `expected ["/pause"]` + "\n" + `got      ["/pause" "-v"]`,
		"{entrypoint: []}":                `expected []`,
		"{cmd: []}":                       `got      ["x"]`,
		"{user: 65535:65535}":             `expected "65535:65535"` + "\n" + `got      "0"`,
		"{workdir: /}":                    `expected "/"` + "\n" + `got      "/w"`,
		"{envVars: [{key: A, value: a}]}": `expected "a"` + "\n" + `got      "b"`,
		"{envVars: [{key: A, value: ^a, isRegex: true}]}": `expected a match of "^a"`,
		"{envVars: [{key: B, value: a}]}":                 "it is not set",
		"{unboundEnvVars: [{key: A}]}":                    `got      "b"`,
		"{labels: [{key: l, value: n}]}":                  `got      "m"`,
		"{labels: [{key: m, value: .*, isRegex: true}]}":  "it is not set",
		"{exposedPorts: [81]}":                            `expected "81"` + "\n" + `got      ["80"]`,
		"{unexposedPorts: [80]}":                          `expected not "80"`,
		"{volumes: [/w]}":                                 `expected "/w"` + "\n" + `got      ["/v"]`,
		"{unmountedVolumes: [/v]}":                        `expected not "/v"`,
	} {
		names, problems := failures(image.Check(parse(t, "metadataTest: "+yaml), Options{}))
		if len(names) != 1 || !strings.Contains(problems, expected) {
			t.Errorf("%s: %d failed, with\n%sexpected one with\n%s", yaml, len(names), problems, expected)
		}
	}
	right := `{entrypoint: [/pause, -v], cmd: [x], user: 0, workdir: /w, envVars: [{key: A, value: b}, {key: A, value: ^., isRegex: true}],
		labels: [{key: l, value: m}], exposedPorts: [80], volumes: [/v], unexposedPorts: [81], unmountedVolumes: [/w]}`
	if names, problems := failures(image.Check(parse(t, "metadataTest: "+right), Options{OnlyConfig: true})); names != nil {
		t.Errorf("failed: %q\n%s", names, problems)
	}
	_, problems := failures(image.Check(parse(t, "metadataTest: {user: 0}"), Options{OnlyConfig: true}))
	for _, field := range []string{"Entrypoint", "Cmd", "WorkingDir", "Env A", "Labels l", "ExposedPorts 80", "Volumes /v"} {
		if !strings.Contains(problems, "expected no "+field) {
			t.Errorf("only-config does not mind %s:\n%s", field, problems)
		}
	}
	if strings.Contains(problems, "User") {
		t.Errorf("only-config minds the user, which the YAML names:\n%s", problems)
	}
}

// A field of the config that no YAML can name, such as StopSignal, is something else in the config.
func TestOnlyConfigMindsUnknownFields(t *testing.T) {
	c := config()
	c.Config.StopSignal = "SIGKILL"
	image := open(t, imagetest.Image(t, c, layer(t, program(t))), nil)
	names, problems := failures(image.Check(parse(t, "metadataTest: {user: 65535:65535, entrypoint: [/pause]}"), Options{OnlyConfig: true}))
	if len(names) != 1 || problems != "expected no StopSignal\n" {
		t.Errorf("%q:\n%s", names, problems)
	}
}

// Files are checked in the image as it is run: whiteouts applied, links followed within it, folders implied.
func TestFiles(t *testing.T) {
	lower := layer(
		t,
		imagetest.File{Name: "etc/", Mode: 0o755, Type: tar.TypeDir},
		imagetest.File{Name: "etc/old", Content: "old"},
		imagetest.File{Name: "etc/kept", Content: "kept", Mode: 0o4755, UID: 5, GID: 6},
		imagetest.File{Name: "opaque/gone", Content: "x"},
		imagetest.File{Name: "folder/inside", Content: "x"},
		imagetest.File{Name: "whole/a/b", Content: "x"},
		imagetest.File{Name: "etc-sibling", Content: "sibling"},
	)
	upper := layer(
		t,
		imagetest.File{Name: "./etc/.wh.old"},
		imagetest.File{Name: "opaque/new", Content: "x"},
		imagetest.File{Name: "opaque/.wh..wh..opq"},
		imagetest.File{Name: "folder", Content: "now a file"},
		imagetest.File{Name: ".wh.whole"},
		imagetest.File{Name: "link", Type: tar.TypeSymlink, Link: "/etc"},
		imagetest.File{Name: "relative", Type: tar.TypeSymlink, Link: "etc/kept"},
		imagetest.File{Name: "out", Type: tar.TypeSymlink, Link: "../../../../etc/kept"},
		imagetest.File{Name: "hard", Type: tar.TypeLink, Link: "etc/kept"},
		imagetest.File{Name: "loop", Type: tar.TypeSymlink, Link: "loop"},
		imagetest.File{Name: "implied/by/this", Content: "x", Mode: 0o644},
	)
	c := config()
	c.Config.Env = []string{"WHERE=/etc"}
	image := open(t, imagetest.Image(t, c, lower, upper), nil)
	for yaml, pass := range map[string]bool{
		"{path: /etc/old}": false, "{path: /etc/old, shouldExist: false}": true,
		"{path: /etc/kept}": true, "{path: /etc/kept, shouldExist: false}": false,
		"{path: /opaque/gone}": false, "{path: /opaque/new}": true,
		"{path: /folder/inside}": false, "{path: /folder}": true,
		"{path: /whole}": false, "{path: /whole/a/b}": false, "{path: /etc-sibling}": true,
		"{path: /link/kept, uid: 5, gid: 6}": true, "{path: /link, permissions: Lrwxrwxrwx}": false,
		"{path: $WHERE/kept}": true, "{path: $NOWHERE/kept}": false,
		"{path: /etc/kept, permissions: urwxr-xr-x}": true, "{path: /etc/kept, permissions: -rwxr-xr-x}": false,
		"{path: /etc/kept, uid: 0}": false, "{path: /etc/kept, gid: 0}": false,
		"{path: /etc/kept, isExecutableBy: group}": true, "{path: /etc-sibling, isExecutableBy: any}": false,
		"{path: /implied}": true, "{path: /implied/by}": true, "{path: /implied, permissions: drwxr-xr-x}": false,
		"{path: /implied/by/this, permissions: -rw-r--r--}": true, "{path: /loop/x}": false, "{path: /etc, permissions: drwxr-xr-x}": true,
	} {
		names, problems := failures(image.Check(parse(t, "fileExistenceTests: ["+strings.Replace(yaml, "{", "{name: x, ", 1)+"]"), Options{}))
		if (names == nil) != pass {
			t.Errorf("%s: passed is %v, expected %v\n%s", yaml, names == nil, pass, problems)
		}
	}
	for yaml, pass := range map[string]bool{
		"{path: /relative, expectedContents: [^kept$]}": true, "{path: /out, expectedContents: [^kept$]}": true,
		"{path: /hard, expectedContents: [^kept$]}": true, "{path: /link/kept, expectedContents: [e.t]}": true,
		"{path: /relative, expectedContents: [k, z]}": false, "{path: /relative, excludedContents: [z, k]}": false,
		"{path: /relative, excludedContents: [z]}": true, "{path: /loop, excludedContents: [z]}": false,
		"{path: /none, excludedContents: [z]}": false, "{path: /etc, excludedContents: [z]}": false, "{path: /implied, excludedContents: [z]}": false,
	} {
		names, problems := failures(image.Check(parse(t, "fileContentTests: ["+strings.Replace(yaml, "{", "{name: x, ", 1)+"]"), Options{}))
		if (names == nil) != pass {
			t.Errorf("%s: passed is %v, expected %v\n%s", yaml, names == nil, pass, problems)
		}
	}
}

// Exactly the entries on the list may be in any layer, even if a later layer hides them.
func TestOnlyFiles(t *testing.T) {
	extra := imagetest.File{Name: "etc/passwd", Content: "x"}
	image := open(t, imagetest.Image(t, config(), layer(t, program(t), extra), layer(t, imagetest.File{Name: "etc/.wh.passwd"})), nil)
	for _, test := range []struct {
		list     []string
		expected string
	}{
		{[]string{"/pause"}, "expected no /etc/.wh.passwd\nexpected no /etc/passwd\n"},
		{[]string{"/pause", "/etc/passwd", "/etc/.wh.passwd"}, ""},
		{[]string{"/pause", "/etc/passwd", "/etc/.wh.passwd", "/more"}, "expected /more, got no such entry\n"},
	} {
		if _, problems := failures(image.Check(nil, Options{OnlyFiles: test.list})); problems != test.expected {
			t.Errorf("%q: got\n%sexpected\n%s", test.list, problems, test.expected)
		}
	}
}

// The platform must be that of the config, of the entry in the index and of the program.
func TestPlatform(t *testing.T) {
	armELF := func(abi byte) imagetest.File {
		content := []byte(imagetest.ELF(t, elf.EM_ARM, elf.ELFCLASS32, binary.LittleEndian))
		content[39] = abi
		return imagetest.File{Name: "pause", Mode: 0o555, Content: string(content)}
	}
	file := func(machine elf.Machine, class elf.Class, order binary.ByteOrder) imagetest.File {
		return imagetest.File{Name: "pause", Mode: 0o555, Content: imagetest.ELF(t, machine, class, order)}
	}
	for name, test := range map[string]struct {
		config   string
		program  imagetest.File
		index    string
		ask      string
		expected []string
	}{
		"amd64":           {"amd64", program(t), "amd64", "amd64", nil},
		"arm":             {"arm/v7", armELF(5), "arm/v7", "arm/v7", nil},
		"s390x":           {"s390x", file(elf.EM_S390, elf.ELFCLASS64, binary.BigEndian), "s390x", "s390x", nil},
		"old ABI":         {"arm/v7", armELF(0), "arm/v7", "arm/v7", []string{"ELF header of the entrypoint"}},
		"other machine":   {"arm64", program(t), "arm64", "arm64", []string{"ELF header of the entrypoint"}},
		"other class":     {"amd64", file(elf.EM_X86_64, elf.ELFCLASS32, binary.LittleEndian), "amd64", "amd64", []string{"ELF header of the entrypoint"}},
		"other order":     {"mips64le", file(elf.EM_MIPS, elf.ELFCLASS64, binary.BigEndian), "mips64le", "mips64le", []string{"ELF header of the entrypoint"}},
		"no ELF":          {"amd64", imagetest.File{Name: "pause", Content: "#!/bin/sh"}, "amd64", "amd64", []string{"ELF header of the entrypoint"}},
		"no program":      {"amd64", imagetest.File{Name: "other"}, "amd64", "amd64", []string{"ELF header of the entrypoint"}},
		"other config":    {"386", program(t), "amd64", "amd64", []string{"platform of the config"}},
		"other variant":   {"arm", armELF(5), "arm/v7", "arm/v7", []string{"platform of the config"}},
		"unsaid in index": {"amd64", program(t), "", "amd64", nil},
		"other in index":  {"amd64", program(t), "386", "amd64", []string{"platform in the index"}},
	} {
		c := config()
		c.Architecture, c.Variant, _ = strings.Cut(test.config, "/")
		var root mutate.Appendable = imagetest.Image(t, c, layer(t, test.program))
		if test.index != "" {
			root = imagetest.Index(t, []string{"linux/" + test.index}, root.(ggcr.Image))
		}
		platform := &v1.Platform{OS: "linux"}
		platform.Architecture, platform.Variant, _ = strings.Cut(test.ask, "/")
		names, problems := failures(open(t, root, platform).Check(nil, Options{Platform: platform}))
		if !slices.Equal(names, test.expected) {
			t.Errorf("%s: failed %q, expected %q\n%s", name, names, test.expected, problems)
		}
	}
}

// An index gives the image of the platform that is asked for; a wrong or missing choice is refused with the list.
func TestOpenChooses(t *testing.T) {
	arm := config()
	arm.Architecture, arm.Variant = "arm", "v7"
	one, two := imagetest.Image(t, config(), layer(t, program(t))), imagetest.Image(t, arm, layer(t, program(t)))
	dir := imagetest.Layout(t, imagetest.Index(t, []string{"linux/amd64", "linux/arm/v7"}, one, two))
	image, err := Open(dir, &v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"})
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := two.Digest(); image.record.Digest.String() != want.String() {
		t.Errorf("got %s, expected %s", image.record.Digest, want)
	}
	for _, platform := range []*v1.Platform{nil, {OS: "linux", Architecture: "arm"}, {OS: "linux", Architecture: "s390x"}} {
		if _, err := Open(dir, platform); err == nil || !strings.Contains(err.Error(), "linux/amd64, linux/arm/v7") {
			t.Errorf("%v: got %v, expected the choice", platform, err)
		}
	}
	twice := imagetest.Layout(t, imagetest.Index(t, []string{"linux/amd64", "linux/amd64"}, one, two))
	if _, err := Open(twice, linuxAMD64); err == nil || !strings.Contains(err.Error(), "more than one image") {
		t.Errorf("got %v, expected a refusal of the ambiguity", err)
	}
}

// A diff id that is not the digest of the decompressed layer is found.
func TestDiffIDs(t *testing.T) {
	data := layer(t, program(t))
	image := open(t, imagetest.Image(t, config(), data), nil)
	image.config.RootFS.DiffIDs[0] = image.manifest.Layers[0].Digest
	names, problems := failures(image.Check(nil, Options{}))
	if !slices.Equal(names, []string{"diff ids"}) || !strings.Contains(problems, "got      "+image.manifest.Layers[0].Digest.String()) {
		t.Errorf("failed %q:\n%s", names, problems)
	}
	image.config.RootFS.DiffIDs = nil
	if names, _ := failures(image.Check(nil, Options{})); !slices.Equal(names, []string{"diff ids"}) {
		t.Errorf("failed %q, expected the missing diff id to be found", names)
	}
}

// The byte budget counts manifest, config and layer, and shows them when it is exceeded.
func TestMaxBytes(t *testing.T) {
	image := open(t, imagetest.Image(t, config(), layer(t, program(t))), nil)
	size := len(image.record.Manifest) + len(image.record.Config) + len(image.record.Layers[0])
	if names, problems := failures(image.Check(nil, Options{MaxBytes: size})); names != nil {
		t.Errorf("%d bytes are not within %d:\n%s", size, size, problems)
	}
	if names, problems := failures(image.Check(nil, Options{MaxBytes: size - 1})); len(names) != 1 || !strings.Contains(problems, "bytes: manifest ") {
		t.Errorf("%d bytes are within %d: %q\n%s", size, size-1, names, problems)
	}
}

// Another digest is a failure that is explained.
func TestGolden(t *testing.T) {
	other := config()
	other.Config.User = "0"
	want := open(t, imagetest.Image(t, other, layer(t, program(t))), nil)
	names, problems := failures(open(t, imagetest.Image(t, config(), layer(t, program(t))), nil).Check(nil, Options{Golden: want.record}))
	if !slices.Equal(names, []string{"digest"}) || !strings.Contains(problems, `config.config.User: expected "0", got "65535:65535"`) ||
		!strings.Contains(problems, "if the change is meant, accept it") {
		t.Errorf("%q:\n%s", names, problems)
	}
}

// Anything in a layer that could be otherwise makes it not canonical, and the message names the field.
func TestCanonicalLayer(t *testing.T) {
	good := imagetest.Tar(t, program(t))
	changed := func(change func(archive []byte) []byte) []byte {
		return imagetest.Gzip(t, change(bytes.Clone(good)))
	}
	header := func(h tar.Header) []byte {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		if h.Name == "" {
			h.Name = "pause"
		}
		h.Typeflag, h.Mode = tar.TypeReg, 0o555
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return imagetest.Gzip(t, out.Bytes())
	}
	zipped := imagetest.Gzip(t, good)
	if problems := CanonicalLayer(zipped); problems != nil {
		t.Fatalf("the canonical layer is refused: %q", problems)
	}
	gzipByte := func(i int, b byte) []byte {
		data := bytes.Clone(zipped)
		data[i] = b
		return data
	}
	for name, test := range map[string]struct {
		layer    []byte
		expected string
	}{
		"empty":            {nil, "not gzip"},
		"no gzip":          {good, "gzip header, magic"},
		"gzip time":        {gzipByte(4, 1), "gzip header, mtime"},
		"gzip flags":       {gzipByte(3, 1), "gzip header, flags"},
		"gzip level":       {gzipByte(8, 0), "gzip header, extra flags"},
		"gzip system":      {gzipByte(9, 3), "gzip header, operating system"},
		"gzip checksum":    {gzipByte(len(zipped)-8, zipped[len(zipped)-8]+1), "not gzip"},
		"cut":              {zipped[:len(zipped)-1], "not gzip"},
		"after the gzip":   {append(bytes.Clone(zipped), 0), "nothing after the gzip member, got 1 bytes"},
		"second member":    {append(bytes.Clone(zipped), imagetest.Gzip(t, nil)...), "nothing after the gzip member"},
		"no tar":           {imagetest.Gzip(t, []byte("x")), "no first entry"},
		"no entry":         {imagetest.Gzip(t, imagetest.Tar(t)), "no first entry"},
		"two entries":      {layer(t, program(t), imagetest.File{Name: "more"}), "got another: more"},
		"folder":           {layer(t, imagetest.File{Name: "d", Type: tar.TypeDir}), "expected a regular file"},
		"link":             {layer(t, imagetest.File{Name: "pause", Type: tar.TypeSymlink, Link: "x"}), "expected a regular file"},
		"dot in the name":  {layer(t, imagetest.File{Name: "./pause"}), "clean relative path"},
		"absolute name":    {layer(t, imagetest.File{Name: "/pause"}), "clean relative path"},
		"uid":              {header(tar.Header{Uid: 1, Format: tar.FormatUSTAR}), "(uid of pause)"},
		"gid":              {header(tar.Header{Gid: 1, Format: tar.FormatUSTAR}), "(gid of pause)"},
		"user name":        {header(tar.Header{Uname: "root", Format: tar.FormatUSTAR}), "(uname of pause)"},
		"device":           {changed(func(a []byte) []byte { a[335] = '1'; return checksum(a) }), "(devmajor of pause)"},
		"GNU":              {header(tar.Header{Format: tar.FormatGNU}), "(magic of pause)"},
		"PAX":              {header(tar.Header{Format: tar.FormatPAX, PAXRecords: map[string]string{"A.b": "c"}}), "tar, byte"},
		"padding":          {changed(func(a []byte) []byte { a[1023] = 1; return a }), "(padding of pause)"},
		"header padding":   {changed(func(a []byte) []byte { a[511] = 1; return checksum(a) }), "(padding of the header of pause)"},
		"one end block":    {changed(func(a []byte) []byte { return a[:len(a)-512] }), "(end of archive)"},
		"three end blocks": {changed(func(a []byte) []byte { return append(a, make([]byte, 512)...) }), "(end of archive)"},
		"after the end":    {changed(func(a []byte) []byte { return append(a, 'x') }), "(end of archive)"},
	} {
		if got := strings.Join(CanonicalLayer(test.layer), "\n"); !strings.Contains(got, test.expected) {
			t.Errorf("%s: got %q, expected %q", name, got, test.expected)
		}
	}
}

// checksum makes the checksum of the first header of the archive right again.
func checksum(archive []byte) []byte {
	copy(archive[148:156], "        ")
	sum := 0
	for _, b := range archive[:512] {
		sum += int(b)
	}
	copy(archive[148:156], []byte{'0', byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
	return archive
}

// An image with more than one layer, or one that is not gzip, is not canonical either.
func TestCanonicalLayerOfImage(t *testing.T) {
	image := open(t, imagetest.Image(t, config(), layer(t, program(t)), layer(t)), nil)
	if _, problems := failures(image.Check(nil, Options{CanonicalLayer: true})); !strings.Contains(problems, "expected 1 layer, got 2") {
		t.Errorf("two layers: %s", problems)
	}
	image = open(t, imagetest.Image(t, config(), layer(t, program(t))), nil)
	image.manifest.Layers[0].MediaType = v1.MediaTypeImageLayer
	if _, problems := failures(image.Check(nil, Options{CanonicalLayer: true})); !strings.Contains(problems, "expected "+v1.MediaTypeImageLayerGzip) {
		t.Errorf("other media type: %s", problems)
	}
}

// A layer whose paths climb out of the image, or that has a path twice, is refused.
func TestOpenRefusesLayers(t *testing.T) {
	for expected, files := range map[string][]imagetest.File{
		"climbs out":     {{Name: "../etc/passwd"}},
		"is there twice": {{Name: "a"}, {Name: "./a"}},
	} {
		_, err := Open(imagetest.Layout(t, imagetest.Image(t, config(), layer(t, files...))), nil)
		if err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("got %v, expected %q", err, expected)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), nil); err == nil {
		t.Error("a folder that is not there was opened")
	}
	dir := imagetest.Layout(t, imagetest.Image(t, config(), layer(t, program(t))))
	blobs, _ := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
	for _, blob := range blobs {
		content, err := os.ReadFile(blob)
		if err != nil {
			t.Fatal(err)
		}
		imagetest.Overwrite(t, blob, append(bytes.Clone(content), ' '))
		if _, err := Open(dir, nil); err == nil {
			t.Errorf("the layout was opened with a changed %s", filepath.Base(blob))
		}
		imagetest.Overwrite(t, blob, content)
	}
}

// Links lead where Linux would go: .. leaves the folder that a link leads to, and 40 links are followed in one look-up.
func TestLinks(t *testing.T) {
	link := func(name, target string) imagetest.File {
		return imagetest.File{Name: name, Type: tar.TypeSymlink, Link: target}
	}
	entries := []imagetest.File{
		{Name: "d/e/f", Content: "inside"},
		{Name: "d/g", Content: "beside"},
		{Name: "g", Content: "top"},
		link("a", "d/e"), link("b", "a/../g"), link("c0", "/g"), link("x0", "d"),
		{Name: "hard", Type: tar.TypeLink, Link: "c39"},
	}
	for i := range 40 {
		entries = append(entries, link(fmt.Sprint("c", i+1), fmt.Sprint("c", i)))
		// The number of links on the way doubles with each.
		entries = append(entries, link(fmt.Sprint("x", i+1), fmt.Sprintf("x%d/../x%d", i, i)))
	}
	files, err := readFilesystem([][]byte{imagetest.Tar(t, entries...)})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"/a/f": "inside", "/a/../g": "beside", "/b": "beside", "/../g": "top", "/d/../g": "top", "/c39": "top", "/x3/g": "beside",
	} {
		if got, err := files.read(name); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v; expected %q", name, got, err, want)
		}
	}
	for name, want := range map[string]string{
		"/c40": "too many links", "/hard": "too many links", "/x40/g": "too many links",
		"/none/../g": "no folder /none", "/g/../d/g": "no folder /g", "/a": "is a folder",
	} {
		if got, err := files.read(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v; expected %q", name, got, err, want)
		}
	}
	if e := files.lookup("/a"); e == nil || e.header.Typeflag != tar.TypeSymlink {
		t.Errorf("the last link was followed to %v", e)
	}
	if e := files.lookup("/x40/g"); e != nil {
		t.Errorf("found %v behind too many links", e)
	}
}

// What would take more memory than there may be is refused: layers that are too large, and files larger than their layer.
func TestOpenRefusesWhatIsTooLarge(t *testing.T) {
	data := bytes.Repeat([]byte("a"), 1000)
	for mediaType, layer := range map[string][]byte{v1.MediaTypeImageLayer: data, v1.MediaTypeImageLayerGzip: imagetest.Gzip(t, data)} {
		if got, err := decompress(mediaType, layer, 1000); err != nil || len(got) != 1000 {
			t.Errorf("%s: got %d bytes, %v", mediaType, len(got), err)
		}
		if _, err := decompress(mediaType, layer, 999); err == nil || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%s: got %v", mediaType, err)
		}
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	// A sparse file of GNU tar 1.0, all hole: its map, "no data", is all that is stored of it.
	hole := []byte("0\n")
	hole = append(hole, make([]byte, 512-len(hole))...)
	err := w.WriteHeader(&tar.Header{
		Name: "hole", Size: int64(len(hole)), Format: tar.FormatPAX,
		PAXRecords: map[string]string{"VEN.sparse.major": "1", "VEN.sparse.minor": "0", "VEN.sparse.realsize": "99999999999"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(hole); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// The writer refuses GNU's own keywords, which are as long.
	archive := bytes.ReplaceAll(out.Bytes(), []byte("VEN.sparse"), []byte("GNU.sparse"))
	if _, err := readFilesystem([][]byte{archive}); err == nil || !strings.Contains(err.Error(), "/hole has 99999999999 bytes") {
		t.Errorf("the sparse file: got %v", err)
	}
	if problems := CanonicalLayer(imagetest.Gzip(t, archive)); len(problems) != 1 || !strings.Contains(problems[0], "got 99999999999") {
		t.Errorf("the sparse file in a canonical layer: got %q", problems)
	}
}

// However often an index is listed, and in however many ways, its images are there once.
func TestOpenVisitsIndexesOnce(t *testing.T) {
	index := imagetest.Index(t, []string{"linux/amd64"}, imagetest.Image(t, config(), layer(t, program(t))))
	for range 7 {
		adds := make([]mutate.IndexAddendum, 2)
		for i := range adds {
			adds[i].Add = index
		}
		index = mutate.AppendManifests(mutate.IndexMediaType(emptyimage.Index, types.OCIImageIndex), adds...)
	}
	_, images, err := ReadAll(imagetest.Layout(t, index))
	if err != nil || len(images) != 1 {
		t.Errorf("got %d images, %v; expected one", len(images), err)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/oci"
	"example.com/pause/tools/oci/imagetest"
)

// sources are the files of the repository, one of them a generated one.
var sources = []string{"pause/pause.go", "bazel-out/k8-fastbuild/bin/pause/made.go"}

// inRepository makes a small repository, changes to it, and returns the flags that describe an index made from it.
func inRepository(t *testing.T) []string {
	t.Helper()
	t.Chdir(t.TempDir())
	annotations := map[string]string{}
	for name, value := range map[string]string{"title": "pause", "version": "1.0.0", "licenses": "Apache-2.0"} {
		annotations["org.opencontainers.image."+name] = value
	}
	need.NoError(t, oci.Canonical("image", imagetest.Example(t, "linux/amd64", "linux/s390x"), annotations))
	for _, file := range sources {
		need.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		need.NoError(t, os.WriteFile(file, []byte("package main\n"), 0o644))
	}
	return []string{
		"--image", "image", "--go-version", "1.26.8", "--output", "a.json", "--provenance", "b.json",
		"--target", "//images:pause", "--builder", "https://example.com/w",
	}
}

// write writes both documents and returns them.
func write(t *testing.T, args []string) (document, statement []byte) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := newCommand().Execute(t.Context(), args, &stdout, &stderr); code != 0 || stdout.Len()+stderr.Len() > 0 {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
	for file, content := range map[string]*[]byte{"a.json": &document, "b.json": &statement} {
		var err error
		if *content, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return document, statement
}

// The SPDX library reads the document and finds it valid; everything that SPDX 2.3 requires is there, and what is part of what. The
// order of the sources does not matter.
func TestSPDX(t *testing.T) {
	args := inRepository(t)
	document, _ := write(t, append(slices.Clone(args), sources[0], sources[1]))
	if again, _ := write(t, append(args, sources[1], sources[0])); !bytes.Equal(again, document) {
		t.Error("another order of sources gave another document")
	}
	doc := &v2_3.Document{}
	need.NoError(t, spdxjson.ReadInto(bytes.NewReader(document), doc))
	need.NoError(t, spdxlib.ValidateDocument(doc))
	if doc.SPDXVersion != "SPDX-2.3" || doc.DataLicense != "CC0-1.0" || doc.CreationInfo.Created == "" || len(doc.CreationInfo.Creators) == 0 ||
		!strings.HasPrefix(doc.DocumentNamespace, "https://") || strings.Contains(doc.DocumentNamespace, "#") {
		t.Errorf("the document lacks something required: %+v", doc)
	}
	index, err := oci.Open("image")
	need.NoError(t, err)
	var purls []string
	for _, p := range doc.Packages {
		if p.PackageName == "" || p.PackageDownloadLocation == "" || p.FilesAnalyzed != (p.PackageVerificationCode != nil) {
			t.Errorf("the package %s lacks something required", p.PackageSPDXIdentifier)
		}
		// SHA-1 of twice the SHA-1 of the content of a source, as sha1sum has it.
		if p.FilesAnalyzed && p.PackageVerificationCode.Value != "7c0b461da440fe7ee25b408052eea6bd939ccf37" {
			t.Errorf("the verification code is %s", p.PackageVerificationCode.Value)
		}
		purls = append(purls, p.PackageExternalReferences[0].Locator)
	}
	oci := func(digest string) string { return "pkg:oci/pause@" + strings.Replace(digest, ":", "%3A", 1) }
	if want := []string{
		"pkg:golang/example.com/pause@v1.0.0", "pkg:generic/go@1.26.8", oci(index.Digest),
		oci(index.Images[0].Digest) + "?arch=amd64", oci(index.Images[1].Digest) + "?arch=s390x",
	}; !slices.Equal(purls, want) {
		t.Errorf("the package URLs are %q; want %q", purls, want)
	}
	for _, f := range doc.Files {
		if !strings.HasPrefix(f.FileName, "./") || len(f.Checksums) != 2 || f.Checksums[0].Algorithm != common.SHA1 {
			t.Errorf("the file %s lacks something required", f.FileName)
		}
	}
	relationships := ""
	for _, r := range doc.Relationships {
		relationships += fmt.Sprintln(r.RefA.ElementRefID, r.Relationship, r.RefB.ElementRefID)
	}
	if want := `Source CONTAINS Source-pause-made.go
Source CONTAINS Source-pause-pause.go
DOCUMENT DESCRIBES Index
Index CONTAINS Image-linux-amd64
Image-linux-amd64 CONTAINS File-linux-amd64-pause
File-linux-amd64-pause GENERATED_FROM Source
Go BUILD_TOOL_OF File-linux-amd64-pause
Index CONTAINS Image-linux-s390x
Image-linux-s390x CONTAINS File-linux-s390x-pause
File-linux-s390x-pause GENERATED_FROM Source
Go BUILD_TOOL_OF File-linux-s390x-pause
`; relationships != want {
		t.Errorf("the relationships are\n%s; want\n%s", relationships, want)
	}
}

// The provenance names the index, the images, the builder and the sources; a generated source has the name that it has in every
// configuration.
func TestProvenance(t *testing.T) {
	_, text := write(t, append(inRepository(t), sources...))
	var statement struct {
		Subject   []struct{ Name string }
		Predicate struct {
			BuildDefinition struct {
				ExternalParameters   map[string]string
				ResolvedDependencies []struct{ Name, URI string }
			}
			RunDetails struct{ Builder struct{ ID string } }
		}
	}
	need.NoError(t, json.Unmarshal(text, &statement))
	want := "{[{pause} {pause linux/amd64} {pause linux/s390x}] {{map[target://images:pause version:1.0.0] " +
		"[{ pkg:generic/go@1.26.8} {pause/made.go } {pause/pause.go }]} {{https://example.com/w}}}}"
	if got := fmt.Sprint(statement); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// A wrong command line is exit code 2, bad input 1; both are one line on stderr, and no document is left.
func TestBadInput(t *testing.T) {
	args := inRepository(t)
	for expected, test := range map[string]struct {
		code int
		more []string
	}{
		"want SOURCE...":     {2, nil},
		"missing --output":   {2, []string{"--output", "", "pause/pause.go"}},
		"is not a URI":       {2, []string{"--builder", "me", "pause/pause.go"}},
		"none.go":            {1, []string{"none.go"}},
		"not an OCI layout":  {1, []string{"--image", "pause", "pause/pause.go"}},
		"cannot write there": {1, []string{"--output", "none/a.json", "pause/pause.go"}},
		"none/b.json":        {1, []string{"--provenance", "none/b.json", "pause/pause.go"}},
	} {
		var stdout, stderr bytes.Buffer
		code := newCommand().Execute(t.Context(), append(slices.Clone(args), test.more...), &stdout, &stderr)
		if code != test.code || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), expected) || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; expected %d and one line with %q",
				test.more, code, stdout.String(), stderr.String(), test.code, expected)
		}
		if files, _ := filepath.Glob("*.json"); files != nil {
			t.Errorf("%q: left behind: %v", test.more, files)
		}
	}
}

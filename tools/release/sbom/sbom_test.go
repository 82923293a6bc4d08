package main

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/v1"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"

	"example.com/pause/tools/oci/imagetest"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func digestOf(s string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))) }

func input() *Input {
	return &Input{
		Name: "pause", Version: "1.0.0", Module: "example.com/pause", License: "Apache-2.0", GoVersion: "1.26.8",
		Index: digestOf("index"),
		Images: []Image{
			{"linux/amd64", digestOf("amd64"), []File{{"/pause", []byte("program for amd64")}}},
			{"linux/arm/v7", digestOf("arm"), []File{{"/pause", []byte("program for arm")}}},
		},
		Sources: []File{{"pause/pause.go", []byte("package main\n")}, {"pause/entry_amd64.s", []byte("TEXT <entry>\n")}},
	}
}

// The documents are exactly those checked in; `go test ./tools/release/sbom -update` accepts others.
func TestGolden(t *testing.T) {
	document, err := input().SPDX()
	if err != nil {
		t.Fatal(err)
	}
	statement, err := input().Provenance("//images:pause", DefaultBuilder)
	if err != nil {
		t.Fatal(err)
	}
	for file, got := range map[string][]byte{"testdata/pause.spdx.json": document, "testdata/pause.intoto.json": statement} {
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(got, want) {
			continue
		}
		wantLines, gotLines := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
		for i := range max(len(wantLines), len(gotLines)) {
			if i >= len(wantLines) || i >= len(gotLines) || wantLines[i] != gotLines[i] {
				t.Errorf("%s differs from line %d on:\nexpected %q\ngot      %q", file, i+1,
					wantLines[min(i, len(wantLines)-1)], gotLines[min(i, len(gotLines)-1)])
				break
			}
		}
	}
}

// The order of the sources does not matter, and every input does: the namespace with it.
func TestFunctionOfTheInputs(t *testing.T) {
	base, err := input().SPDX()
	if err != nil {
		t.Fatal(err)
	}
	shuffled := input()
	slices.Reverse(shuffled.Sources)
	if again, err := shuffled.SPDX(); err != nil || !bytes.Equal(again, base) {
		t.Errorf("another order of sources gave another document (%v)", err)
	}
	namespaces := map[string]string{namespace(t, base): "base"}
	for name, change := range map[string]func(in *Input){
		"name":    func(in *Input) { in.Name = "other" },
		"version": func(in *Input) { in.Version = "1.0.1" },
		"module":  func(in *Input) { in.Module = "example.com/other" },
		"license": func(in *Input) { in.License = "MIT OR (Apache-2.0)" },
		"Go":      func(in *Input) { in.GoVersion = "1.26.9" },
		"index":   func(in *Input) { in.Index = digestOf("other") },
		"image":   func(in *Input) { in.Images[1].Digest = digestOf("other") },
		"program": func(in *Input) { in.Images[1].Files[0].Content = []byte("other") },
		"source":  func(in *Input) { in.Sources[0].Content = []byte("other") },
	} {
		in := input()
		change(in)
		document, err := in.SPDX()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if same := namespaces[namespace(t, document)]; same != "" {
			t.Errorf("another %s has the same namespace as %s", name, same)
		}
		namespaces[namespace(t, document)] = name
	}
}

func read(t *testing.T, document []byte) *spdx.Document {
	t.Helper()
	doc := &spdx.Document{}
	if err := spdxjson.ReadInto(bytes.NewReader(document), doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func namespace(t *testing.T, document []byte) string {
	t.Helper()
	return read(t, document).DocumentNamespace
}

// The SPDX library reads the document and finds it valid; everything that SPDX 2.3 requires is there.
func TestValid(t *testing.T) {
	document, err := input().SPDX()
	if err != nil {
		t.Fatal(err)
	}
	doc := read(t, document)
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	described, err := spdxlib.GetDescribedPackageIDs(doc)
	if err != nil || len(described) != 1 || described[0] != "Index" {
		t.Errorf("describes %v (%v), expected the index", described, err)
	}
	if doc.SPDXVersion != "SPDX-2.3" || doc.DataLicense != "CC0-1.0" || doc.CreationInfo.Created == "" || len(doc.CreationInfo.Creators) == 0 ||
		!strings.HasPrefix(doc.DocumentNamespace, "https://") || strings.Contains(doc.DocumentNamespace, "#") {
		t.Errorf("the document lacks something required: %+v", doc)
	}
	for _, p := range doc.Packages {
		if p.PackageName == "" || p.PackageDownloadLocation == "" || p.FilesAnalyzed != (p.PackageVerificationCode != nil) {
			t.Errorf("the package %s lacks something required", p.PackageSPDXIdentifier)
		}
	}
	for _, f := range doc.Files {
		if !strings.HasPrefix(f.FileName, "./") || len(f.Checksums) != 2 || f.Checksums[0].Algorithm != common.SHA1 {
			t.Errorf("the file %s lacks something required", f.FileName)
		}
	}
}

// A single image without an index is what the document describes.
func TestSingleImage(t *testing.T) {
	in := input()
	in.Index, in.Images = "", in.Images[:1]
	document, err := in.SPDX()
	if err != nil {
		t.Fatal(err)
	}
	described, err := spdxlib.GetDescribedPackageIDs(read(t, document))
	if err != nil || len(described) != 1 || described[0] != "Image-linux-amd64" {
		t.Errorf("describes %v (%v), expected the image", described, err)
	}
	statement, err := in.Provenance("//images:pause", DefaultBuilder)
	if err != nil || strings.Count(string(statement), "linux/") != 1 {
		t.Errorf("the statement must have one subject (%v):\n%s", err, statement)
	}
}

// What an image has, its index, images and files, is read as it is.
func TestReadImage(t *testing.T) {
	image := func(architecture, content string) ggcr.Image {
		layer := imagetest.Gzip(t, imagetest.Tar(t, imagetest.File{Name: "pause", Mode: 0o555, Content: content}))
		return imagetest.Image(t, ggcr.ConfigFile{OS: "linux", Architecture: architecture}, layer)
	}
	one, two := image("amd64", "1"), image("s390x", "2")
	index := imagetest.Index(t, []string{"linux/amd64", "linux/s390x"}, one, two)
	var in Input
	if err := in.ReadImage(imagetest.Layout(t, index)); err != nil {
		t.Fatal(err)
	}
	want, _ := index.Digest()
	digestTwo, _ := two.Digest()
	if in.Index != want.String() || len(in.Images) != 2 || in.Images[1].Platform != "linux/s390x" ||
		in.Images[1].Digest != digestTwo.String() || len(in.Images[1].Files) != 1 || string(in.Images[1].Files[0].Content) != "2" {
		t.Errorf("got %+v", in)
	}
	if err := in.ReadImage(imagetest.Layout(t, one)); err != nil {
		t.Fatal(err)
	}
	if in.Index != "" || len(in.Images) != 1 {
		t.Errorf("got %+v, expected one image", in)
	}
	if err := in.ReadImage(t.TempDir()); err == nil {
		t.Error("an empty folder was read as a layout")
	}
}

// Inputs that cannot be said are refused, by both documents.
func TestRefuses(t *testing.T) {
	for expected, change := range map[string]func(in *Input){
		"the name":       func(in *Input) { in.Name = "Pause!" },
		"the version":    func(in *Input) { in.Version = "" },
		"the module":     func(in *Input) { in.Module = "x y" },
		"the license":    func(in *Input) { in.License = "" },
		"the Go version": func(in *Input) { in.GoVersion = "go1.26" },
		"no image":       func(in *Input) { in.Images = nil },
		"but no index":   func(in *Input) { in.Index = "" },
		"no source":      func(in *Input) { in.Sources = nil },
		"there twice":    func(in *Input) { in.Sources[1] = in.Sources[0] },
		"not named":      func(in *Input) { in.Sources[0].Name = "/src/pause.go" },
		"relative":       func(in *Input) { in.Sources[0].Name = "../pause.go" },
	} {
		in := input()
		change(in)
		_, err := in.SPDX()
		_, provenanceErr := in.Provenance("//images:pause", DefaultBuilder)
		if err == nil || provenanceErr == nil || !strings.Contains(err.Error(), expected) || err.Error() != provenanceErr.Error() {
			t.Errorf("got %v and %v, expected %q", err, provenanceErr, expected)
		}
	}
	in := input()
	in.Sources = append(in.Sources, File{"pause-pause.go", nil})
	if _, err := in.SPDX(); err == nil || !strings.Contains(err.Error(), "same SPDX identifier") {
		t.Errorf("got %v, expected the two sources that would have one identifier", err)
	}
	if _, err := input().Provenance("pause", DefaultBuilder); err == nil || !strings.Contains(err.Error(), "not a Bazel label") {
		t.Errorf("got %v, expected the target to be refused", err)
	}
}

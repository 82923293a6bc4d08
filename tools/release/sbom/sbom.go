package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1" // SPDX 2.3 requires SHA-1 for files, beside any other.
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"

	"example.com/pause/tools/oci"
)

// MediaType is the media type of the SPDX document, registered with IANA, and its artifact type as an OCI referrer.
const MediaType = "application/spdx+json"

// created is the time in every document. SPDX requires one; a real one would make each build another document.
const created = "1970-01-01T00:00:00Z"

// tool is what calls itself the creator of the document.
const tool = "example.com/pause/tools/release/sbom"

const (
	goLicense = "BSD-3-Clause"
	noneSaid  = "NOASSERTION"
)

// File is a file by name and content.
type File struct {
	// Name is a path with slashes: of a source, relative to the root of the repository; of a file in an image, absolute.
	Name    string
	Content []byte
}

// Image is one image, for one platform.
type Image struct {
	// Platform is os/architecture[/variant].
	Platform string
	Digest   string
	// Files are the regular files in it, by name.
	Files []File
}

// Input is all that goes into the documents.
type Input struct {
	// Name is the name of the image, without registry and tag, such as pause.
	Name string
	// Version is the version of the image and of the module, such as 1.0.0.
	Version string
	// Module is the path of the Go module that the program is built from.
	Module string
	// License is the license of the program and of the image, an expression of SPDX identifiers such as Apache-2.0.
	License string
	// GoVersion is the version of the Go toolchain, such as 1.26.8.
	GoVersion string
	// Index is the digest of the image index; empty if there is a single image and no index.
	Index string
	// Images are the images: all those of the index, or the single one.
	Images []Image
	// Sources are the files that the program is built from.
	Sources []File
}

// ReadImage sets Index and Images to what the OCI layout in the folder dir has.
func (in *Input) ReadImage(dir string) error {
	root, err := oci.Open(dir)
	if err != nil {
		return err
	}
	in.Index, in.Images = "", nil
	images := []*oci.Image{root}
	if root.Config == nil {
		in.Index, images = root.Digest, root.Images
	}
	for _, image := range images {
		entry := Image{Platform: image.Platform(), Digest: image.Digest}
		for _, layer := range image.Layers {
			blob, err := image.Blob(layer)
			if err != nil {
				return fmt.Errorf("%s: %w", dir, err)
			}
			files, err := readLayer(layer.MediaType, blob)
			if err != nil {
				return fmt.Errorf("%s: layer %s: %w", dir, layer.Digest, err)
			}
			entry.Files = append(entry.Files, files...)
		}
		sort.Slice(entry.Files, func(i, j int) bool { return entry.Files[i].Name < entry.Files[j].Name })
		in.Images = append(in.Images, entry)
	}
	return nil
}

// readLayer returns the regular files of a layer.
func readLayer(mediaType string, blob []byte) ([]File, error) {
	var archive io.Reader = bytes.NewReader(blob)
	if mediaType == oci.MediaTypeLayerGzip {
		var err error
		if archive, err = gzip.NewReader(archive); err != nil {
			return nil, err
		}
	}
	var files []File
	for r := tar.NewReader(archive); ; {
		header, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return files, nil
		case err != nil:
			return nil, err
		case strings.HasPrefix(path.Base(header.Name), ".wh."):
			return nil, fmt.Errorf("%s: a layer that removes files is not supported", header.Name)
		case header.Typeflag == tar.TypeReg:
			content, err := io.ReadAll(r)
			if err != nil {
				return nil, err
			}
			files = append(files, File{path.Join("/", header.Name), content})
		}
	}
}

var (
	namePattern    = regexp.MustCompile(`^[a-z0-9]+([._-]+[a-z0-9]+)*$`)
	versionPattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+-]*$`)
	goPattern      = regexp.MustCompile(`^1\.[0-9]+(\.[0-9]+|rc[0-9]+)?$`)
	licensePattern = regexp.MustCompile(`^[0-9A-Za-z(][0-9A-Za-z.+() -]*$`)
	modulePattern  = regexp.MustCompile(`^[a-z0-9.-]+(/[0-9A-Za-z._~-]+)*$`)
)

// check refuses what cannot be said in the documents, and sorts the sources by name.
func (in *Input) check() error {
	switch {
	case !namePattern.MatchString(in.Name):
		return fmt.Errorf("the name %q is not that of an image, such as pause", in.Name)
	case !versionPattern.MatchString(in.Version):
		return fmt.Errorf("the version %q is not one, such as 1.0.0", in.Version)
	case !modulePattern.MatchString(in.Module):
		return fmt.Errorf("the module %q is not the path of a Go module", in.Module)
	case !licensePattern.MatchString(in.License):
		return fmt.Errorf("the license %q is not an SPDX expression, such as Apache-2.0", in.License)
	case !goPattern.MatchString(in.GoVersion):
		return fmt.Errorf("the Go version %q is not one, such as 1.26.8", in.GoVersion)
	case len(in.Images) == 0:
		return errors.New("there is no image")
	case in.Index == "" && len(in.Images) > 1:
		return errors.New("there is more than one image, but no index")
	case len(in.Sources) == 0:
		return errors.New("there is no source: name the files that the program is built from")
	}
	in.Sources = slices.Clone(in.Sources)
	sort.Slice(in.Sources, func(i, j int) bool { return in.Sources[i].Name < in.Sources[j].Name })
	for i, f := range in.Sources {
		if path.Clean(f.Name) != f.Name || path.IsAbs(f.Name) || f.Name == "." || strings.HasPrefix(f.Name, "../") {
			return fmt.Errorf("the source %q is not named relative to the root of the repository", f.Name)
		}
		if i > 0 && f.Name == in.Sources[i-1].Name {
			return fmt.Errorf("the source %s is there twice", f.Name)
		}
	}
	return nil
}

// SPDX returns the SPDX 2.3 document, as JSON.
func (in *Input) SPDX() ([]byte, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	b := &builder{in: in, ids: map[common.ElementID]string{}}
	b.doc = &spdx.Document{
		SPDXVersion:    spdx.Version,
		DataLicense:    spdx.DataLicense,
		SPDXIdentifier: "DOCUMENT",
		DocumentName:   in.Name + "-" + in.Version,
		CreationInfo: &spdx.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: tool}},
			Created:  created,
		},
	}
	b.sources()
	b.toolchain()
	b.images()
	if b.err != nil {
		return nil, b.err
	}
	// The namespace must be unique to the content: it is the digest of the document without it.
	content, err := encode(b.doc)
	if err != nil {
		return nil, err
	}
	b.doc.DocumentNamespace = fmt.Sprintf("https://%s/spdx/%x", in.Module, sha256.Sum256(content))
	return encode(b.doc)
}

func encode(document any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(document)
	return out.Bytes(), err
}

// builder fills the document.
type builder struct {
	in  *Input
	doc *spdx.Document
	ids map[common.ElementID]string
	err error
}

const (
	sourceID = "Source"
	goID     = "Go"
)

var notInID = regexp.MustCompile(`[^0-9A-Za-z.]+`)

// id makes an SPDX identifier (letters, digits, dots and dashes) of name, and refuses one that is taken.
func (b *builder) id(name string) common.ElementID {
	id := common.ElementID(strings.Trim(notInID.ReplaceAllString(name, "-"), "-"))
	if other, taken := b.ids[id]; taken && b.err == nil {
		b.err = fmt.Errorf("%s and %s would have the same SPDX identifier %s: rename one", other, name, id)
	}
	b.ids[id] = name
	return id
}

func (b *builder) relate(a common.ElementID, relationship string, other common.ElementID) {
	b.doc.Relationships = append(b.doc.Relationships, &spdx.Relationship{
		RefA: common.DocElementID{ElementRefID: a}, Relationship: relationship, RefB: common.DocElementID{ElementRefID: other},
	})
}

func (b *builder) file(id common.ElementID, name, fileType string, content []byte) *spdx.File {
	return &spdx.File{
		FileName:           name,
		FileSPDXIdentifier: id,
		FileTypes:          []string{fileType},
		Checksums: []common.Checksum{
			{Algorithm: common.SHA1, Value: fmt.Sprintf("%x", sha1.Sum(content))},
			{Algorithm: common.SHA256, Value: fmt.Sprintf("%x", sha256.Sum256(content))},
		},
		LicenseConcluded:   b.in.License,
		LicenseInfoInFiles: []string{noneSaid},
		FileCopyrightText:  noneSaid,
	}
}

func purl(locator string) []*spdx.PackageExternalReference {
	return []*spdx.PackageExternalReference{{
		Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: locator,
	}}
}

// sources adds the Go module and its files.
func (b *builder) sources() {
	sum := make([]string, 0, len(b.in.Sources))
	var ids []common.ElementID
	for _, f := range b.in.Sources {
		id := b.id(sourceID + "-" + f.Name)
		b.doc.Files = append(b.doc.Files, b.file(id, "./"+f.Name, "SOURCE", f.Content))
		sum = append(sum, fmt.Sprintf("%x", sha1.Sum(f.Content)))
		ids = append(ids, id)
	}
	sort.Strings(sum)
	b.doc.Packages = append(b.doc.Packages, &spdx.Package{
		PackageName:             b.in.Module,
		PackageSPDXIdentifier:   b.id(sourceID),
		PackageVersion:          b.in.Version,
		PackageDownloadLocation: noneSaid,
		FilesAnalyzed:           true,
		// SPDX 2.3, section 7.9: SHA-1 of the sorted SHA-1 sums.
		PackageVerificationCode:     &common.PackageVerificationCode{Value: fmt.Sprintf("%x", sha1.Sum([]byte(strings.Join(sum, ""))))},
		PackageLicenseConcluded:     b.in.License,
		PackageLicenseInfoFromFiles: []string{noneSaid},
		PackageLicenseDeclared:      b.in.License,
		PackageCopyrightText:        noneSaid,
		PackageExternalReferences:   purl("pkg:golang/" + b.in.Module + "@v" + b.in.Version),
		PrimaryPackagePurpose:       "SOURCE",
	})
	for _, id := range ids {
		b.relate(sourceID, common.TypeRelationshipContains, id)
	}
}

// toolchain adds Go: compiler, assembler and linker. Nothing of its standard library or runtime is in the program.
func (b *builder) toolchain() {
	b.doc.Packages = append(b.doc.Packages, &spdx.Package{
		PackageName:               "go",
		PackageSPDXIdentifier:     b.id(goID),
		PackageVersion:            b.in.GoVersion,
		PackageDownloadLocation:   "git+https://go.googlesource.com/go@go" + b.in.GoVersion,
		PackageLicenseConcluded:   goLicense,
		PackageLicenseDeclared:    goLicense,
		PackageCopyrightText:      noneSaid,
		PackageComment:            "Compiles, assembles and links the program. No package of the standard library and no runtime is linked into it.",
		PackageExternalReferences: purl("pkg:generic/go@" + b.in.GoVersion),
		PrimaryPackagePurpose:     "APPLICATION",
	})
}

// images adds the index, if there is one, the images and what is in them.
func (b *builder) images() {
	var index common.ElementID
	if b.in.Index != "" {
		index = b.id("Index")
		b.container(index, b.in.Index, "")
		b.relate("DOCUMENT", common.TypeRelationshipDescribe, index)
	}
	for _, image := range b.in.Images {
		_, architecture, _ := strings.Cut(image.Platform, "/")
		architecture, _, _ = strings.Cut(architecture, "/")
		id := b.id("Image-" + image.Platform)
		b.container(id, image.Digest, "?arch="+url.QueryEscape(architecture))
		if index != "" {
			b.relate(index, common.TypeRelationshipContains, id)
		} else {
			b.relate("DOCUMENT", common.TypeRelationshipDescribe, id)
		}
		for _, f := range image.Files {
			program := b.id("File-" + image.Platform + f.Name)
			b.doc.Files = append(b.doc.Files, b.file(program, "."+f.Name, "BINARY", f.Content))
			b.relate(id, common.TypeRelationshipContains, program)
			b.relate(program, common.TypeRelationshipGeneratedFrom, sourceID)
			b.relate(goID, common.TypeRelationshipBuildToolOf, program)
		}
	}
}

// container adds an image or an image index. qualifiers go to the end of its package URL.
func (b *builder) container(id common.ElementID, d string, qualifiers string) {
	b.doc.Packages = append(b.doc.Packages, &spdx.Package{
		PackageName:             b.in.Name,
		PackageSPDXIdentifier:   id,
		PackageVersion:          b.in.Version,
		PackageDownloadLocation: noneSaid,
		PackageChecksums:        []common.Checksum{{Algorithm: common.SHA256, Value: strings.TrimPrefix(d, "sha256:")}},
		PackageLicenseConcluded: b.in.License,
		PackageLicenseDeclared:  b.in.License,
		PackageCopyrightText:    noneSaid,
		// The package URL type oci: the digest is the version, with its colon escaped.
		PackageExternalReferences: purl("pkg:oci/" + b.in.Name + "@" + url.QueryEscape(d) + qualifiers),
		PrimaryPackagePurpose:     "CONTAINER",
	})
}

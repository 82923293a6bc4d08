package main

import (
	"crypto/sha1" // SPDX 2.3 requires SHA-1 for files, beside any other.
	"crypto/sha256"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

const (
	goLicense = "BSD-3-Clause"
	noneSaid  = "NOASSERTION"
)

// spdx returns the SPDX 2.3 document, as JSON.
func (in *input) spdx() []byte {
	b := &builder{in: in, doc: &v2_3.Document{
		SPDXVersion:    v2_3.Version,
		DataLicense:    v2_3.DataLicense,
		SPDXIdentifier: "DOCUMENT",
		DocumentName:   in.name + "-" + in.version,
		CreationInfo: &v2_3.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: module + "/tools/release/sbom"}},
			Created:  "1970-01-01T00:00:00Z", // SPDX requires a time; a real one would make each build another document
		},
	}}
	b.sources()
	b.toolchain()
	b.images()
	// The namespace must be unique to the content: it is the digest of the document without it.
	b.doc.DocumentNamespace = fmt.Sprintf("https://%s/spdx/%x", module, sha256.Sum256(encode(b.doc)))
	return encode(b.doc)
}

// builder fills the document.
type builder struct {
	in  *input
	doc *v2_3.Document
}

const (
	sourceID = "Source"
	goID     = "Go"
)

var notInID = regexp.MustCompile(`[^0-9A-Za-z.]+`)

// elementID makes an SPDX identifier (letters, digits, dots and dashes) of name.
func elementID(name string) common.ElementID {
	return common.ElementID(strings.Trim(notInID.ReplaceAllString(name, "-"), "-"))
}

func (b *builder) relate(a common.ElementID, relationship string, other common.ElementID) {
	b.doc.Relationships = append(b.doc.Relationships, &v2_3.Relationship{
		RefA: common.DocElementID{ElementRefID: a}, Relationship: relationship, RefB: common.DocElementID{ElementRefID: other},
	})
}

func (b *builder) file(id common.ElementID, name, fileType string, content []byte) *v2_3.File {
	return &v2_3.File{
		FileName:           name,
		FileSPDXIdentifier: id,
		FileTypes:          []string{fileType},
		Checksums: []common.Checksum{
			{Algorithm: common.SHA1, Value: fmt.Sprintf("%x", sha1.Sum(content))},
			{Algorithm: common.SHA256, Value: fmt.Sprintf("%x", sha256.Sum256(content))},
		},
		LicenseConcluded:   b.in.license,
		LicenseInfoInFiles: []string{noneSaid},
		FileCopyrightText:  noneSaid,
	}
}

func purl(locator string) []*v2_3.PackageExternalReference {
	return []*v2_3.PackageExternalReference{{
		Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: locator,
	}}
}

// sources adds the Go module and its files.
func (b *builder) sources() {
	sum := make([]string, 0, len(b.in.sources))
	var ids []common.ElementID
	for _, f := range b.in.sources {
		id := elementID(sourceID + "-" + f.name)
		b.doc.Files = append(b.doc.Files, b.file(id, "./"+f.name, "SOURCE", f.content))
		sum = append(sum, fmt.Sprintf("%x", sha1.Sum(f.content)))
		ids = append(ids, id)
	}
	slices.Sort(sum)
	b.doc.Packages = append(b.doc.Packages, &v2_3.Package{
		PackageName:             module,
		PackageSPDXIdentifier:   sourceID,
		PackageVersion:          b.in.version,
		PackageDownloadLocation: noneSaid,
		FilesAnalyzed:           true,
		// SPDX 2.3, section 7.9: SHA-1 of the sorted SHA-1 sums.
		PackageVerificationCode:     &common.PackageVerificationCode{Value: fmt.Sprintf("%x", sha1.Sum([]byte(strings.Join(sum, ""))))},
		PackageLicenseConcluded:     b.in.license,
		PackageLicenseInfoFromFiles: []string{noneSaid},
		PackageLicenseDeclared:      b.in.license,
		PackageCopyrightText:        noneSaid,
		PackageExternalReferences:   purl("pkg:golang/" + module + "@v" + b.in.version),
		PrimaryPackagePurpose:       "SOURCE",
	})
	for _, id := range ids {
		b.relate(sourceID, common.TypeRelationshipContains, id)
	}
}

// toolchain adds Go: compiler, assembler and linker. Nothing of its standard library or runtime is in the program.
func (b *builder) toolchain() {
	b.doc.Packages = append(b.doc.Packages, &v2_3.Package{
		PackageName:               "go",
		PackageSPDXIdentifier:     goID,
		PackageVersion:            b.in.goVersion,
		PackageDownloadLocation:   "git+https://go.googlesource.com/go@go" + b.in.goVersion,
		PackageLicenseConcluded:   goLicense,
		PackageLicenseDeclared:    goLicense,
		PackageCopyrightText:      noneSaid,
		PackageComment:            "Compiles, assembles and links the program. No package of the standard library and no runtime is linked into it.",
		PackageExternalReferences: purl("pkg:generic/go@" + b.in.goVersion),
		PrimaryPackagePurpose:     "APPLICATION",
	})
}

// images adds the index, the images and what is in them.
func (b *builder) images() {
	const index = "Index"
	b.container(index, b.in.index, "")
	b.relate("DOCUMENT", common.TypeRelationshipDescribe, index)
	for _, image := range b.in.images {
		id := elementID("Image-" + image.platform)
		b.container(id, image.digest, "?arch="+strings.Split(image.platform, "/")[1])
		b.relate(index, common.TypeRelationshipContains, id)
		for _, f := range image.files {
			program := elementID("File-" + image.platform + f.name)
			b.doc.Files = append(b.doc.Files, b.file(program, "."+f.name, "BINARY", f.content))
			b.relate(id, common.TypeRelationshipContains, program)
			b.relate(program, common.TypeRelationshipGeneratedFrom, sourceID)
			b.relate(goID, common.TypeRelationshipBuildToolOf, program)
		}
	}
}

// container adds an image or an image index. qualifiers go to the end of its package URL.
func (b *builder) container(id common.ElementID, d string, qualifiers string) {
	b.doc.Packages = append(b.doc.Packages, &v2_3.Package{
		PackageName:             b.in.name,
		PackageSPDXIdentifier:   id,
		PackageVersion:          b.in.version,
		PackageDownloadLocation: noneSaid,
		PackageChecksums:        []common.Checksum{{Algorithm: common.SHA256, Value: strings.TrimPrefix(d, "sha256:")}},
		PackageLicenseConcluded: b.in.license,
		PackageLicenseDeclared:  b.in.license,
		PackageCopyrightText:    noneSaid,
		// The package URL type oci: the digest is the version, with its colon escaped.
		PackageExternalReferences: purl("pkg:oci/" + b.in.name + "@" + url.QueryEscape(d) + qualifiers),
		PrimaryPackagePurpose:     "CONTAINER",
	})
}

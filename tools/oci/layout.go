// Package oci builds, reads and packs OCI image layouts: folders of content-addressed blobs, as the OCI Image Layout
// Specification 1.1 describes them.
//
// Everything that reads a layout reads it through Open, which verifies all of it first: every blob that is reachable is
// there, has the size and the digest that its descriptor says, and has a media type that is understood.
package oci

import (
	"bytes"
	_ "crypto/sha256" // go-digest knows the algorithms that are linked in
	_ "crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/oci/ojson"
)

// Docker's media types, from before there was an OCI. They mean the same as their OCI counterparts.
const (
	MediaTypeDockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerConfig   = "application/vnd.docker.container.image.v1+json"
	mediaTypeDockerLayer    = "application/vnd.docker.image.rootfs.diff.tar"
)

// Limits on what is believed. Registries refuse manifests above 4 MiB, and so does Open.
const (
	MaxDocument  = 4 << 20  // bytes of an index, a manifest or a config
	MaxBlob      = 64 << 30 // bytes of a layer
	maxDepth     = 8        // indexes inside indexes
	maxManifests = 4096     // manifests and indexes of one layout
)

// Kind says what a Manifest is.
type Kind int

// The kinds of manifest.
const (
	Index    Kind = iota // a list of manifests, usually one a platform
	Image                // a config and layers
	Artifact             // anything else that registries store, such as an SBOM
)

// Manifest is an index, image or artifact of a layout, verified.
type Manifest struct {
	Kind Kind
	Desc v1.Descriptor
	Raw  []byte        // the document as stored
	Doc  *ojson.Object // the same, read

	Manifests []*Manifest     // of an index: its entries, in order
	Entries   []*ojson.Object // of an index: their descriptors as written, in order

	Config    v1.Descriptor   // of an image or artifact
	ConfigRaw []byte          // of an image: the config as stored
	ConfigDoc *ojson.Object   // of an image: the same, read
	Layers    []v1.Descriptor // of an image or artifact, in order
	Subject   *Manifest       // what this is attached to, if it says so and the layout has it

	height int // levels of manifests below this one
}

// Layout is an OCI image layout, verified.
type Layout struct {
	Doc       *ojson.Object   // index.json
	Manifests []*Manifest     // what index.json lists, in order
	Entries   []*ojson.Object // their descriptors as written, in order

	dir    string
	loaded map[digest.Digest]*Manifest // nil while it is being read
	blobs  map[digest.Digest]int64     // sizes of all that is reachable
}

// Open reads the layout in folder dir and verifies it. Its errors are one line and name the blob that is at fault.
func Open(dir string) (*Layout, error) {
	l, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: not a valid OCI layout: %w", dir, err)
	}
	return l, nil
}

func open(dir string) (*Layout, error) {
	marker, err := readFile(filepath.Join(dir, v1.ImageLayoutFile), MaxDocument)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v1.ImageLayoutFile, err)
	}
	version, err := ojson.ParseObject(marker)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v1.ImageLayoutFile, err)
	}
	if got := version.String("imageLayoutVersion"); got != v1.ImageLayoutVersion {
		return nil, fmt.Errorf("%s: imageLayoutVersion is %q, not %q", v1.ImageLayoutFile, got, v1.ImageLayoutVersion)
	}
	raw, err := readFile(filepath.Join(dir, v1.ImageIndexFile), MaxDocument)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v1.ImageIndexFile, err)
	}
	l := &Layout{dir: dir, loaded: map[digest.Digest]*Manifest{}, blobs: map[digest.Digest]int64{}}
	if l.Doc, err = ojson.ParseObject(raw); err == nil {
		// rules_oci 2.3 leaves the version out of the index.json of an oci_image_index.
		if _, ok := l.Doc.Get("schemaVersion"); !ok {
			l.Doc.Members = slices.Insert(l.Doc.Members, 0, ojson.Member{Name: "schemaVersion", Value: ojson.Number("2")})
		}
		err = l.index(l.Doc, v1.MediaTypeImageIndex, &l.Manifests, &l.Entries, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v1.ImageIndexFile, err)
	}
	if len(l.Manifests) == 0 {
		return nil, fmt.Errorf("%s: lists no manifest", v1.ImageIndexFile)
	}
	return l, nil
}

// Only returns the layout's manifest; it must have one and no more, as oci_image and oci_image_index make them.
func (l *Layout) Only() (*Manifest, error) {
	if n := len(l.Manifests); n != 1 {
		return nil, fmt.Errorf("%s: index.json lists %d manifests; exactly one is wanted here", l.dir, n)
	}
	return l.Manifests[0], nil
}

// Annotate adds annotations to the manifest's document, from lines name=value; one that is there already is replaced.
func (m *Manifest) Annotate(lines string) {
	m.Doc.Set("annotations", merge(m.Doc.Object("annotations"), lines))
}

// Blob opens a blob that the layout has.
func (l *Layout) Blob(d digest.Digest) (io.ReadCloser, error) {
	if _, ok := l.blobs[d]; !ok {
		return nil, fmt.Errorf("%s: no blob %s", l.dir, d)
	}
	return os.Open(blobPath(l.dir, d))
}

// Size returns the size in bytes of a blob that the layout has.
func (l *Layout) Size(d digest.Digest) int64 { return l.blobs[d] }

// Platform returns what an image's config says it runs on, in the form of a descriptor's platform.
func (m *Manifest) Platform() v1.Platform {
	return v1.Platform{
		OS:           m.ConfigDoc.String("os"),
		Architecture: m.ConfigDoc.String("architecture"),
		Variant:      m.ConfigDoc.String("variant"),
	}
}

// blobs are the digests of m and of what m itself refers to, without other manifests.
func (m *Manifest) blobs() []digest.Digest {
	digests := []digest.Digest{m.Desc.Digest}
	if m.Kind != Index {
		digests = append(digests, m.Config.Digest)
	}
	for _, layer := range m.Layers {
		digests = append(digests, layer.Digest)
	}
	return digests
}

// IsIndex reports whether mediaType is an image index's, OCI's or Docker's.
func IsIndex(mediaType string) bool {
	return mediaType == v1.MediaTypeImageIndex || mediaType == MediaTypeDockerIndex
}

// IsManifest reports whether mediaType is an image manifest's, OCI's or Docker's.
func IsManifest(mediaType string) bool {
	return mediaType == v1.MediaTypeImageManifest || mediaType == MediaTypeDockerManifest
}

// isConfig reports whether mediaType is an image config's, OCI's or Docker's.
func isConfig(mediaType string) bool {
	return mediaType == v1.MediaTypeImageConfig || mediaType == MediaTypeDockerConfig
}

// isLayer reports whether mediaType is that of an image layer stored in the layout.
func isLayer(mediaType string) bool {
	switch mediaType {
	case v1.MediaTypeImageLayer, v1.MediaTypeImageLayerGzip, v1.MediaTypeImageLayerZstd,
		mediaTypeDockerLayer, mediaTypeDockerLayer + ".gzip", mediaTypeDockerLayer + ".zstd":
		return true
	}
	return false
}

var errDeep = fmt.Errorf("indexes nest more than %d levels deep", maxDepth)

// manifest loads what desc refers to, and all below it.
func (l *Layout) manifest(desc v1.Descriptor, depth int) (*Manifest, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	// A cycle would need a document that contains its own hash, so a layout that seems to have one lies about a digest.
	if m, known := l.loaded[desc.Digest]; known {
		switch {
		case m == nil:
			return nil, fmt.Errorf("%s: refers to itself (a cycle)", desc.Digest)
		case m.Desc.MediaType != desc.MediaType || m.Desc.Size != desc.Size:
			return nil, fmt.Errorf("%s: two descriptors disagree about its size or media type", desc.Digest)
		case depth+m.height > maxDepth:
			return nil, errDeep
		}
		return m, nil
	}
	if len(l.loaded) >= maxManifests {
		return nil, fmt.Errorf("more than %d manifests", maxManifests)
	}
	l.loaded[desc.Digest] = nil
	m := &Manifest{Desc: desc}
	var err error
	if m.Raw, m.Doc, err = l.document(desc); err != nil {
		return nil, err
	}
	if err := l.fill(m, depth); err != nil {
		return nil, fmt.Errorf("%s: %w", desc.Digest, err)
	}
	l.loaded[desc.Digest] = m
	return m, nil
}

func (l *Layout) fill(m *Manifest, depth int) error {
	if IsIndex(m.Desc.MediaType) {
		m.Kind = Index
		if err := l.index(m.Doc, m.Desc.MediaType, &m.Manifests, &m.Entries, depth+1); err != nil {
			return err
		}
	} else if err := l.image(m); err != nil {
		return err
	}
	if err := l.subject(m, depth); err != nil {
		return err
	}
	for _, child := range m.Manifests {
		m.height = max(m.height, 1+child.height)
	}
	if m.Subject != nil {
		m.height = max(m.height, 1+m.Subject.height)
	}
	return nil
}

// index reads the index doc: its entries as written into entries, and what they refer to into manifests.
func (l *Layout) index(doc *ojson.Object, mediaType string, manifests *[]*Manifest, entries *[]*ojson.Object, depth int) error {
	if err := checkHeader(doc, mediaType); err != nil {
		return err
	}
	if _, ok := doc.Get("layers"); ok {
		return errors.New("an index must not have layers")
	}
	list, ok := doc.Get("manifests")
	array, isArray := list.([]any)
	if !ok || !isArray {
		return errors.New("an index must have an array of manifests")
	}
	for i, entry := range array {
		object, desc, err := descriptor(entry)
		if err != nil {
			return fmt.Errorf("manifests[%d]: %w", i, err)
		}
		if !IsIndex(desc.MediaType) && !IsManifest(desc.MediaType) {
			return fmt.Errorf("manifests[%d]: media type %q is not that of an index or image manifest", i, desc.MediaType)
		}
		m, err := l.manifest(desc, depth)
		if err != nil {
			return err
		}
		*manifests = append(*manifests, m)
		*entries = append(*entries, object)
	}
	return nil
}

// image reads an image or artifact manifest.
func (l *Layout) image(m *Manifest) error {
	if err := checkHeader(m.Doc, m.Desc.MediaType); err != nil {
		return err
	}
	if _, ok := m.Doc.Get("manifests"); ok {
		return errors.New("an image manifest must not have manifests")
	}
	config, _ := m.Doc.Get("config")
	var err error
	if _, m.Config, err = descriptor(config); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	m.Kind = Image
	if !isConfig(m.Config.MediaType) {
		m.Kind = Artifact
		if m.Doc.String("artifactType") == "" {
			return fmt.Errorf("config: media type %q is not that of an image config, and there is no artifactType", m.Config.MediaType)
		}
	}
	layers, ok := m.Doc.Get("layers")
	array, isArray := layers.([]any)
	if !ok || !isArray {
		return errors.New("an image manifest must have an array of layers")
	}
	for i, layer := range array {
		_, desc, err := descriptor(layer)
		if err != nil {
			return fmt.Errorf("layers[%d]: %w", i, err)
		}
		if m.Kind == Image && !isLayer(desc.MediaType) {
			return fmt.Errorf("layers[%d]: media type %q is not that of an image layer", i, desc.MediaType)
		}
		m.Layers = append(m.Layers, desc)
	}
	if m.Kind == Image {
		if m.ConfigRaw, m.ConfigDoc, err = l.document(m.Config); err != nil {
			return err
		}
		if err := checkConfig(m.ConfigDoc, len(m.Layers)); err != nil {
			return fmt.Errorf("config %s: %w", m.Config.Digest, err)
		}
	} else if err := l.blob(m.Config); err != nil {
		return err
	}
	for _, layer := range m.Layers {
		if err := l.blob(layer); err != nil {
			return err
		}
	}
	return nil
}

// subject follows the subject of m. The specification lets a manifest name a subject that is elsewhere.
func (l *Layout) subject(m *Manifest, depth int) error {
	value, ok := m.Doc.Get("subject")
	if !ok {
		return nil
	}
	_, desc, err := descriptor(value)
	if err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	if _, err := os.Stat(blobPath(l.dir, desc.Digest)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !IsIndex(desc.MediaType) && !IsManifest(desc.MediaType) {
		return fmt.Errorf("subject: media type %q is not that of an index or image manifest", desc.MediaType)
	}
	m.Subject, err = l.manifest(desc, depth+1)
	return err
}

func checkHeader(doc *ojson.Object, mediaType string) error {
	if v, _ := doc.Get("schemaVersion"); v != ojson.Number("2") {
		return errors.New("schemaVersion is not 2")
	}
	if got, ok := doc.Get("mediaType"); ok && got != mediaType {
		return fmt.Errorf("calls itself %s, but its descriptor says %s", ojson.Compact(got), mediaType)
	}
	return nil
}

func checkConfig(doc *ojson.Object, layers int) error {
	for _, name := range []string{"os", "architecture"} {
		if doc.String(name) == "" {
			return fmt.Errorf("has no %s", name)
		}
	}
	rootfs := doc.Object("rootfs")
	if got := rootfs.String("type"); got != "layers" {
		return fmt.Errorf("rootfs.type is %q, not \"layers\"", got)
	}
	ids := rootfs.Array("diff_ids")
	for _, id := range ids {
		s, _ := id.(string)
		if err := digest.Digest(s).Validate(); err != nil {
			return fmt.Errorf("diff id %q: %w", s, err)
		}
	}
	if len(ids) != layers {
		return fmt.Errorf("has %d diff ids for %d layers", len(ids), layers)
	}
	return nil
}

// descriptor reads what every descriptor must have. The digest is one of a known algorithm, spelt in full: it is safe as
// a file name.
func descriptor(value any) (*ojson.Object, v1.Descriptor, error) {
	o, ok := value.(*ojson.Object)
	if !ok {
		return nil, v1.Descriptor{}, errors.New("not a descriptor")
	}
	d := v1.Descriptor{MediaType: o.String("mediaType"), Digest: digest.Digest(o.String("digest"))}
	if err := d.Digest.Validate(); err != nil {
		return nil, d, fmt.Errorf("digest %q: %w", string(d.Digest), err)
	}
	if d.MediaType == "" {
		return nil, d, fmt.Errorf("%s: has no media type", d.Digest)
	}
	number, _ := o.Get("size")
	text, _ := number.(ojson.Number)
	size, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || size < 0 || size > MaxBlob {
		return nil, d, fmt.Errorf("%s: its size is not a whole number from 0 to %d", d.Digest, int64(MaxBlob))
	}
	d.Size = size
	if data, ok := o.Get("data"); ok {
		text, _ := data.(string)
		content, err := base64.StdEncoding.DecodeString(text)
		if err != nil || int64(len(content)) != d.Size || d.Digest.Algorithm().FromBytes(content) != d.Digest {
			return nil, d, fmt.Errorf("%s: its embedded data is something else", d.Digest)
		}
		d.Data = content
	}
	return o, d, nil
}

// document reads and verifies a blob that is a JSON object.
func (l *Layout) document(desc v1.Descriptor) ([]byte, *ojson.Object, error) {
	if desc.Size > MaxDocument {
		return nil, nil, fmt.Errorf("%s: %d bytes are too many for a %s", desc.Digest, desc.Size, desc.MediaType)
	}
	raw, err := readFile(blobPath(l.dir, desc.Digest), MaxDocument)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", desc.Digest, err)
	}
	if err := l.check(desc, bytes.NewReader(raw), int64(len(raw))); err != nil {
		return nil, nil, err
	}
	doc, err := ojson.ParseObject(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", desc.Digest, err)
	}
	return raw, doc, nil
}

// blob verifies a blob whose content does not matter here.
func (l *Layout) blob(desc v1.Descriptor) error {
	if size, known := l.blobs[desc.Digest]; known {
		if size != desc.Size {
			return fmt.Errorf("%s: two descriptors disagree about its size", desc.Digest)
		}
		return nil
	}
	f, size, err := openRegular(blobPath(l.dir, desc.Digest))
	if err != nil {
		return fmt.Errorf("%s: %w", desc.Digest, err)
	}
	defer f.Close()
	return l.check(desc, f, size)
}

// check compares a blob with its descriptor: the size first, which is cheap.
func (l *Layout) check(desc v1.Descriptor, content io.Reader, size int64) error {
	if size != desc.Size {
		return fmt.Errorf("%s: has %d bytes, but its descriptor says %d", desc.Digest, size, desc.Size)
	}
	got, err := desc.Digest.Algorithm().FromReader(content)
	if err != nil {
		return fmt.Errorf("%s: %w", desc.Digest, err)
	}
	if got != desc.Digest {
		return fmt.Errorf("%s: its content has the digest %s", desc.Digest, got)
	}
	l.blobs[desc.Digest] = size
	return nil
}

func blobPath(dir string, d digest.Digest) string {
	return filepath.Join(dir, v1.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// openRegular opens a file that is there and is a file: opening a pipe could wait for ever.
func openRegular(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, errors.New("is missing")
	} else if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("is not a regular file")
	}
	f, err := os.Open(path)
	return f, info.Size(), err
}

func readFile(path string, limit int64) ([]byte, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, fmt.Errorf("has %d bytes; %d are the most", size, limit)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// Writer fills the folder of a new layout.
type Writer struct{ dir string }

// Create makes a new layout in folder dir: fill adds blobs to it and returns index.json. If fill fails, nothing is left
// behind. dir must not exist or be empty.
func Create(dir string, fill func(w *Writer) (index []byte, err error)) error {
	return stage.Dir(dir, func(aside string) error {
		index, err := fill(&Writer{aside})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(aside, v1.ImageIndexFile), index, 0o644); err != nil {
			return err
		}
		marker := []byte(`{"imageLayoutVersion":"` + v1.ImageLayoutVersion + `"}`)
		return os.WriteFile(filepath.Join(aside, v1.ImageLayoutFile), marker, 0o644)
	})
}

// Add stores content and returns its descriptor.
func (w *Writer) Add(mediaType string, content []byte) (v1.Descriptor, error) {
	desc := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
	return desc, w.Copy(desc.Digest, bytes.NewReader(content))
}

// Copy stores content, whose digest is d. A blob that is there already stays.
func (w *Writer) Copy(d digest.Digest, content io.Reader) error {
	path := blobPath(w.dir, d)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	verifier := d.Verifier()
	if _, err := io.Copy(io.MultiWriter(f, verifier), content); err != nil {
		f.Close()
		return err
	}
	if !verifier.Verified() {
		f.Close()
		return fmt.Errorf("%s: its content changed while it was read", d)
	}
	return f.Close()
}

// CopyFrom stores blobs of another layout.
func (w *Writer) CopyFrom(l *Layout, digests ...digest.Digest) error {
	for _, d := range digests {
		blob, err := l.Blob(d)
		if err != nil {
			return err
		}
		err = w.Copy(d, blob)
		blob.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

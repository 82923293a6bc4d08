// Package oci reads and writes OCI images as OCI layouts: folders of blobs that are called by their SHA-256 (image-spec
// 1.1, "Image Layout"). It needs the Go standard library alone, because the images that are shipped depend on it.
//
// It knows what this build meets and refuses everything else: a layout with one image or one index of images, OCI media
// types, SHA-256, and layers that are plain or compressed by gzip. What it reads, it verifies against size and digest.
package oci

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"example.com/pause/tools/command/stage"
)

// The media types of image-spec 1.1 that are understood.
const (
	MediaTypeIndex     = "application/vnd.oci.image.index.v1+json"
	MediaTypeManifest  = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeConfig    = "application/vnd.oci.image.config.v1+json"
	MediaTypeLayer     = "application/vnd.oci.image.layer.v1.tar"
	MediaTypeLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip"
	mediaTypeEmpty     = "application/vnd.oci.empty.v1+json"
)

// layoutMarker is the content of the file oci-layout.
const layoutMarker = `{"imageLayoutVersion":"1.0.0"}`

// Descriptor says what a blob is: its media type, its digest ("sha256:" and 64 hexadecimal digits), its size in bytes.
type Descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// Image is an image, or an index of images, in an OCI layout.
type Image struct {
	Descriptor          // of the manifest or of the index
	Manifest   Document // the image manifest, or the image index

	// Of an image alone:
	Config           Document
	ConfigDescriptor Descriptor
	Layers           []Descriptor // in order, the lowest first

	// Of an index alone: its images, in order.
	Images []*Image

	dir string
}

// Open reads the only image or index of the OCI layout in folder dir. Documents are verified; layers are when they are read.
// Errors are one line and name dir and, where it is a blob that is wrong, its digest.
func Open(dir string) (*Image, error) {
	image, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: not an OCI layout that can be used: %w", dir, err)
	}
	return image, nil
}

func open(dir string) (*Image, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return nil, err
	}
	index, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("index.json %w", err)
	}
	entries, _ := index["manifests"].([]any)
	if len(entries) != 1 {
		return nil, fmt.Errorf("index.json lists %d manifests; want one image or one index", len(entries))
	}
	d, err := descriptor(entries[0])
	if err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	image := &Image{Descriptor: d, dir: dir}
	if d.MediaType != MediaTypeIndex {
		return image, image.loadImage()
	}
	return image, image.loadIndex()
}

// loadIndex reads an index and its images.
func (i *Image) loadIndex() error {
	var err error
	if i.Manifest, err = i.document(i.Descriptor); err != nil {
		return err
	}
	entries, ok := i.Manifest["manifests"].([]any)
	if !ok {
		return fmt.Errorf("%s: has no manifests", i.Digest)
	}
	for _, entry := range entries {
		d, err := descriptor(entry)
		if err != nil {
			return fmt.Errorf("%s: %w", i.Digest, err)
		}
		image := &Image{Descriptor: d, dir: i.dir}
		if err := image.loadImage(); err != nil {
			return err
		}
		i.Images = append(i.Images, image)
	}
	return nil
}

// loadImage reads an image manifest and its config.
func (i *Image) loadImage() error {
	if i.MediaType != MediaTypeManifest {
		return fmt.Errorf("%s: media type %q is not supported; want %s", i.Digest, i.MediaType, MediaTypeManifest)
	}
	var err error
	if i.Manifest, err = i.document(i.Descriptor); err != nil {
		return err
	}
	if i.ConfigDescriptor, err = descriptor(i.Manifest["config"]); err != nil {
		return fmt.Errorf("%s: config: %w", i.Digest, err)
	}
	if i.ConfigDescriptor.MediaType != MediaTypeConfig {
		return fmt.Errorf("%s: media type %q is not supported; want %s", i.ConfigDescriptor.Digest, i.ConfigDescriptor.MediaType, MediaTypeConfig)
	}
	layers, ok := i.Manifest["layers"].([]any)
	if !ok {
		return fmt.Errorf("%s: has no layers", i.Digest)
	}
	for _, layer := range layers {
		d, err := descriptor(layer)
		if err != nil {
			return fmt.Errorf("%s: layer: %w", i.Digest, err)
		}
		if d.MediaType != MediaTypeLayer && d.MediaType != MediaTypeLayerGzip {
			return fmt.Errorf("%s: media type %q is not supported; want %s, or with +gzip", d.Digest, d.MediaType, MediaTypeLayer)
		}
		i.Layers = append(i.Layers, d)
	}
	if i.Config, err = i.document(i.ConfigDescriptor); err != nil {
		return err
	}
	for _, name := range []string{"os", "architecture"} {
		if s, _ := i.Config[name].(string); s == "" {
			return fmt.Errorf("%s: the config has no %s", i.ConfigDescriptor.Digest, name)
		}
	}
	rootfs, _ := i.Config["rootfs"].(Document)
	if ids, _ := rootfs["diff_ids"].([]any); len(ids) != len(layers) {
		return fmt.Errorf("%s: the config has %d diff_ids for %d layers", i.ConfigDescriptor.Digest, len(ids), len(layers))
	}
	return nil
}

// document reads a blob that is a JSON object. Whoever has a schemaVersion or a mediaType has the right one.
func (i *Image) document(d Descriptor) (Document, error) {
	raw, err := i.Blob(d)
	if err != nil {
		return nil, err
	}
	doc, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Digest, err)
	}
	if d.MediaType == MediaTypeConfig {
		return doc, nil
	}
	if doc["schemaVersion"] != json.Number("2") {
		return nil, fmt.Errorf("%s: schemaVersion is not 2", d.Digest)
	}
	if got, ok := doc["mediaType"]; ok && got != d.MediaType {
		return nil, fmt.Errorf("%s: calls itself %s, and its descriptor says %s", d.Digest, encode(got), d.MediaType)
	}
	return doc, nil
}

// Blob reads and verifies a blob of the layout that the image is in.
func (i *Image) Blob(d Descriptor) ([]byte, error) {
	content, err := os.ReadFile(blobPath(i.dir, d.Digest))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: is missing", d.Digest)
	case err != nil:
		return nil, err
	case int64(len(content)) != d.Size:
		return nil, fmt.Errorf("%s: has %d bytes, and its descriptor says %d", d.Digest, len(content), d.Size)
	case digest(content) != d.Digest:
		return nil, fmt.Errorf("%s: its content has the digest %s", d.Digest, digest(content))
	}
	return content, nil
}

func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// Platform returns what the image runs on, os/architecture or os/architecture/variant, such as linux/arm/v7.
func (i *Image) Platform() string {
	platform := fmt.Sprintf("%v/%v", i.Config["os"], i.Config["architecture"])
	if variant, _ := i.Config["variant"].(string); variant != "" {
		platform += "/" + variant
	}
	return platform
}

// digests are safe as the names of files.
var digests = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func blobPath(dir, digest string) string {
	return filepath.Join(dir, "blobs", "sha256", digest[len("sha256:"):])
}

// descriptor reads a descriptor.
func descriptor(v any) (Descriptor, error) {
	doc, ok := v.(Document)
	if !ok {
		return Descriptor{}, errors.New("a descriptor is missing")
	}
	var d Descriptor
	d.MediaType, _ = doc["mediaType"].(string)
	d.Digest, _ = doc["digest"].(string)
	if !digests.MatchString(d.Digest) {
		return d, fmt.Errorf("digest %q is not supported; want sha256: and 64 hexadecimal digits", d.Digest)
	}
	size, _ := doc["size"].(json.Number)
	var err error
	if d.Size, err = size.Int64(); err != nil || d.Size < 0 {
		return d, fmt.Errorf("%s: size %q is not a number of bytes", d.Digest, size)
	}
	if _, ok := doc["data"]; ok {
		return d, fmt.Errorf("%s: data in a descriptor is not supported", d.Digest)
	}
	return d, nil
}

// Writer fills the folder of a new layout.
type Writer struct{ dir string }

// Create makes the folder output, an OCI layout of what fill adds and returns. If fill fails, nothing is left behind. output
// must not exist, or be empty.
func Create(output string, fill func(w Writer) (Descriptor, error)) error {
	return stage.Dir(output, func(dir string) error {
		if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
			return err
		}
		root, err := fill(Writer{dir})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "index.json"), encode(index(root)), 0o644); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(layoutMarker), 0o644)
	})
}

// index returns an image index of entries, which are descriptors.
func index[T any](entries ...T) Document {
	return Document{"manifests": entries, "mediaType": MediaTypeIndex, "schemaVersion": 2}
}

// Add stores content and returns its descriptor.
func (w Writer) Add(mediaType string, content []byte) (Descriptor, error) {
	d := Descriptor{mediaType, digest(content), int64(len(content))}
	return d, os.WriteFile(blobPath(w.dir, d.Digest), content, 0o644)
}

// AddDocument stores doc in canonical form and returns its descriptor.
func (w Writer) AddDocument(mediaType string, doc Document) (Descriptor, error) {
	return w.Add(mediaType, encode(doc))
}

// Copy stores blobs of an image, which verifies them.
func (w Writer) Copy(image *Image, blobs ...Descriptor) error {
	for _, d := range blobs {
		content, err := image.Blob(d)
		if err == nil {
			err = os.WriteFile(blobPath(w.dir, d.Digest), content, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

package structure

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/golden"
	"example.com/pause/tools/oci"
	"example.com/pause/tools/oci/ojson"
)

// Image is an image of an OCI layout, read whole.
type Image struct {
	manifest *oci.Manifest
	record   *golden.Record
	config   v1.Image
	archives [][]byte // the layers, decompressed
	files    filesystem

	// entry is what the index that lists the image says about its platform; nil if there is no index or it says nothing.
	entry *v1.Platform
}

// Open reads and verifies the OCI layout in the folder dir and returns its image. Where the layout has an image index,
// platform chooses: the entry must say exactly that platform, variant included. platform may be nil if there is one
// image only.
func Open(dir string, platform *v1.Platform) (*Image, error) {
	layout, err := oci.Open(dir)
	if err != nil {
		return nil, err
	}
	manifest, entry, err := choose(layout, platform)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	image := &Image{manifest: manifest, entry: entry}
	left := maxContent
	if err := image.load(layout, &left); err != nil {
		return nil, fmt.Errorf("%s: image %s: %w", dir, manifest.Desc.Digest, err)
	}
	return image, nil
}

// list returns the images among what index.json lists, and in the image indexes there, and what their entries say about
// their platforms, nil if nothing.
func list(layout *oci.Layout) (images []*oci.Manifest, entries []*v1.Platform) {
	// Entries rather than manifests: one image may be listed twice, for two platforms. An index that is listed twice says
	// the same twice, and there can be exponentially many ways to one.
	seen := map[*oci.Manifest]bool{}
	var walk func(manifests []*oci.Manifest, listed []*ojson.Object)
	walk = func(manifests []*oci.Manifest, listed []*ojson.Object) {
		for i, m := range manifests {
			switch m.Kind {
			case oci.Index:
				if !seen[m] {
					seen[m] = true
					walk(m.Manifests, m.Entries)
				}
			case oci.Image:
				images = append(images, m)
				var entry *v1.Platform
				if p := listed[i].Object("platform"); p != nil {
					entry = &v1.Platform{OS: p.String("os"), Architecture: p.String("architecture"), Variant: p.String("variant")}
				}
				entries = append(entries, entry)
			}
		}
	}
	walk(layout.Manifests, layout.Entries)
	return images, entries
}

// choose finds the image for the platform.
func choose(layout *oci.Layout, platform *v1.Platform) (*oci.Manifest, *v1.Platform, error) {
	images, entries := list(layout)
	if len(images) == 1 {
		return images[0], entries[0], nil
	}
	if platform == nil {
		return nil, nil, fmt.Errorf("there are %d images; choose one with --platform: %s", len(images), platformList(entries))
	}
	found := -1
	for i, entry := range entries {
		if entry == nil || oci.PlatformText(*entry) != oci.PlatformText(*platform) {
			continue
		}
		if found >= 0 {
			return nil, nil, fmt.Errorf("there is more than one image for %s", oci.PlatformText(*platform))
		}
		found = i
	}
	if found < 0 {
		return nil, nil, fmt.Errorf("there is no image for %s; there are: %s", oci.PlatformText(*platform), platformList(entries))
	}
	return images[found], entries[found], nil
}

func platformList(platforms []*v1.Platform) string {
	texts := make([]string, len(platforms))
	for i, p := range platforms {
		texts[i] = "(no platform)"
		if p != nil {
			texts[i] = oci.PlatformText(*p)
		}
	}
	return strings.Join(texts, ", ")
}

// load reads the image, whose layers may have left bytes, and takes from left what they have.
func (image *Image) load(layout *oci.Layout, left *int) error {
	var err error
	if image.record, err = golden.FromLayout(layout, image.manifest); err != nil {
		return err
	}
	if err := json.Unmarshal(image.manifest.ConfigRaw, &image.config); err != nil {
		return fmt.Errorf("the config cannot be read: %w", err)
	}
	for i, layer := range image.record.Layers {
		*left -= len(layer)
		archive, err := decompress(image.manifest.Layers[i].MediaType, layer, *left)
		if err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
		*left -= len(archive)
		image.archives = append(image.archives, archive)
	}
	image.files, err = readFilesystem(image.archives)
	return err
}

// maxContent is the most bytes that all layers that are read may have, as stored and decompressed together, so that a
// crafted layout cannot take all memory: both are kept, and the files once more.
const maxContent = 1 << 30

var errContent = fmt.Errorf("too large: up to here the layers have more than %d bytes, as stored and decompressed together", maxContent)

// decompress returns the archive in a layer, unless it has more than limit bytes.
func decompress(mediaType string, layer []byte, limit int) ([]byte, error) {
	switch {
	case limit < 0:
		return nil, errContent
	case strings.HasSuffix(mediaType, "gzip"):
		zr, err := gzip.NewReader(bytes.NewReader(layer))
		if err != nil {
			return nil, err
		}
		archive, err := io.ReadAll(io.LimitReader(zr, int64(limit)+1))
		if err == nil && len(archive) > limit {
			err = errContent
		}
		return archive, err
	case strings.HasSuffix(mediaType, "tar"):
		if len(layer) > limit {
			return nil, errContent
		}
		return layer, nil
	}
	return nil, fmt.Errorf("layers of media type %s cannot be read here; use gzip", mediaType)
}

// Bytes returns the size of the image: manifest, config and layers as stored, in bytes.
func (image *Image) Bytes() int { return image.record.Bytes() }

// ReadAll reads and verifies the OCI layout in the folder dir and returns its images, those of indexes included, in order,
// and the root: what the only entry of index.json points to.
func ReadAll(dir string) (root *oci.Manifest, images []*Image, err error) {
	layout, err := oci.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	if root, err = layout.Only(); err != nil {
		return nil, nil, err
	}
	manifests, entries := list(layout)
	left := maxContent
	for i, manifest := range manifests {
		image := &Image{manifest: manifest, entry: entries[i]}
		if err := image.load(layout, &left); err != nil {
			return nil, nil, fmt.Errorf("%s: image %s: %w", dir, manifest.Desc.Digest, err)
		}
		images = append(images, image)
	}
	return root, images, nil
}

// Digest returns the digest of the image manifest.
func (image *Image) Digest() digest.Digest { return image.manifest.Desc.Digest }

// Platform returns what the config says the image runs on, as os/architecture[/variant].
func (image *Image) Platform() string { return oci.PlatformText(image.config.Platform) }

// Files returns the content of the regular files of the image by their absolute paths, layers and whiteouts applied.
func (image *Image) Files() map[string][]byte {
	files := map[string][]byte{}
	for name, e := range image.files {
		if e.header.Typeflag == tar.TypeReg {
			files[name] = e.content
		}
	}
	return files
}

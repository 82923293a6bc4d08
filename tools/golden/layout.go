package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// Root is what the only entry of a layout's index.json points to: exactly one of Image and Index is set.
type Root struct {
	Image v1.Image
	Index v1.ImageIndex
}

// Open reads the OCI image layout (image-spec v1.1, image-layout.md) in the folder dir and returns its root.
// index.json must have exactly one entry. Nothing below the root has been verified yet; Verify does that.
func Open(dir string) (Root, error) {
	if err := checkLayoutFile(dir); err != nil {
		return Root{}, err
	}
	path, err := layout.FromPath(dir)
	if err != nil {
		return Root{}, fmt.Errorf("%s is not an OCI layout: it has no index.json", dir)
	}
	top, err := path.ImageIndex()
	if err != nil {
		return Root{}, fmt.Errorf("%s: index.json cannot be read: %w", dir, err)
	}
	manifest, err := top.IndexManifest()
	if err != nil {
		return Root{}, fmt.Errorf("%s: index.json is not an image index: %w", dir, err)
	}
	if n := len(manifest.Manifests); n != 1 {
		return Root{}, fmt.Errorf("%s: index.json has %d entries, expected one image or one image index", dir, n)
	}
	return child(dir, top, manifest.Manifests[0])
}

// checkLayoutFile refuses a folder without the oci-layout file that marks a layout, or of another version.
func checkLayoutFile(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "oci-layout"))
	if err != nil {
		return fmt.Errorf("%s is not an OCI layout: it has no oci-layout file", dir)
	}
	var marker struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(data, &marker); err != nil || marker.Version != "1.0.0" {
		return fmt.Errorf("%s is not an OCI layout of version 1.0.0: see its oci-layout file", dir)
	}
	return nil
}

// child opens the image or index that desc describes and compares the digest and the size of what is there with it.
func child(dir string, parent v1.ImageIndex, desc v1.Descriptor) (Root, error) {
	var root Root
	var measured interface {
		Digest() (v1.Hash, error)
		Size() (int64, error)
	}
	var err error
	switch {
	case desc.MediaType.IsImage():
		root.Image, err = parent.Image(desc.Digest)
		measured = root.Image
	case desc.MediaType.IsIndex():
		root.Index, err = parent.ImageIndex(desc.Digest)
		measured = root.Index
	default:
		return Root{}, fmt.Errorf("%s: %s has the media type %q, which is neither an image nor an image index", dir, desc.Digest, desc.MediaType)
	}
	if err != nil {
		return Root{}, fmt.Errorf("%s: %s cannot be read: %w", dir, desc.Digest, err)
	}
	digest, err := measured.Digest()
	if err != nil {
		return Root{}, fmt.Errorf("%s: %s cannot be read: %w", dir, desc.Digest, err)
	}
	size, err := measured.Size()
	if err != nil {
		return Root{}, fmt.Errorf("%s: %s cannot be read: %w", dir, desc.Digest, err)
	}
	if digest != desc.Digest || size != desc.Size {
		return Root{}, fmt.Errorf("%s: the blob %s (%d bytes) holds %s (%d bytes): the layout is damaged", dir, desc.Digest, desc.Size, digest, size)
	}
	return root, nil
}

// Select returns the image of the root itself, or, where the root is an index, its only image for platform.
// platform is compared exactly (operating system, architecture, variant) and may be nil where there is one image only.
// dir is named in errors.
func (r Root) Select(dir string, platform *v1.Platform) (v1.Image, error) {
	if r.Image != nil {
		return r.Image, nil
	}
	manifest, err := r.Index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("%s: the image index cannot be read: %w", dir, err)
	}
	var found []v1.Descriptor
	var have []string
	for _, desc := range manifest.Manifests {
		if desc.Platform != nil {
			have = append(have, desc.Platform.String())
		}
		if platform == nil || desc.Platform != nil && desc.Platform.Equals(*platform) {
			found = append(found, desc)
		}
	}
	if len(found) != 1 {
		wanted := "no platform given"
		if platform != nil {
			wanted = platform.String()
		}
		return nil, fmt.Errorf("%s: %d images match (%s); choose one of: %s", dir, len(found), wanted, strings.Join(have, ", "))
	}
	selected, err := child(dir, r.Index, found[0])
	if err != nil {
		return nil, err
	}
	if selected.Image == nil {
		return nil, fmt.Errorf("%s: the entry for %s is an index inside an index, expected an image", dir, platform)
	}
	return selected.Image, nil
}

// Verify reads every blob below the root and compares digests, sizes and diff ids with what is written about them.
func (r Root) Verify() error {
	var err error
	if r.Image != nil {
		err = validate.Image(r.Image)
	} else {
		err = validate.Index(r.Index)
	}
	if err != nil {
		return errors.New(strings.Join(strings.Fields(err.Error()), " "))
	}
	return nil
}

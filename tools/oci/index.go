package oci

import (
	"fmt"
	"io"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/oci/ojson"
)

// BuildIndex writes the OCI layout of an index of images into folder output. Each of images is a layout with one image;
// the platform of its entry comes from its config. annotations, if not nil, has lines name=value.
//
// It makes the documents that oci_image_index of rules_oci 2.3 makes with jq, byte for byte.
func BuildIndex(output string, images []string, annotations *string) error {
	if len(images) == 0 {
		return fmt.Errorf("%s: an index needs at least one image", output)
	}
	return Create(output, func(w *Writer) ([]byte, error) {
		manifests := []any{}
		for _, dir := range images {
			entry, err := addImage(w, dir)
			if err != nil {
				return nil, err
			}
			manifests = append(manifests, entry)
		}
		index := ojson.NewObject(
			ojson.Member{Name: "schemaVersion", Value: ojson.Number("2")},
			ojson.Member{Name: "mediaType", Value: v1.MediaTypeImageIndex},
			ojson.Member{Name: "manifests", Value: manifests},
		)
		if annotations != nil {
			index.Set("annotations", merge(nil, *annotations))
		}
		desc, err := w.Add(v1.MediaTypeImageIndex, line(index))
		if err != nil {
			return nil, err
		}
		return topIndex(desc), nil
	})
}

// addImage copies the image of the layout dir and returns its entry for an index.
func addImage(w *Writer, dir string) (*ojson.Object, error) {
	layout, err := Open(dir)
	if err != nil {
		return nil, err
	}
	m, err := layout.Only()
	if err != nil {
		return nil, err
	}
	if m.Kind != Image {
		return nil, fmt.Errorf("%s: is not an image; an index is made of images", dir)
	}
	if err := w.copyManifest(layout, m, map[*Manifest]bool{}); err != nil {
		return nil, err
	}
	platform := ojson.NewObject()
	for _, name := range []string{"os", "architecture", "variant", "os.version", "os.features"} {
		if value, ok := m.ConfigDoc.Get(name); ok && value != nil {
			platform.Set(name, value)
		}
	}
	entry := layout.Entries[0]
	entry.Delete("platform")
	entry.Set("platform", platform)
	return entry, nil
}

// copyManifest copies m and everything that it refers to from layout l.
func (w *Writer) copyManifest(l *Layout, m *Manifest, done map[*Manifest]bool) error {
	if done[m] {
		return nil
	}
	done[m] = true
	for _, child := range m.Manifests {
		if err := w.copyManifest(l, child, done); err != nil {
			return err
		}
	}
	if m.Subject != nil {
		if err := w.copyManifest(l, m.Subject, done); err != nil {
			return err
		}
	}
	return w.CopyFrom(l, m.blobs()...)
}

// DigestOf returns the digest of the only manifest of the layout in folder dir, as NAME.digest of rules_oci has it.
func DigestOf(dir string) (string, error) {
	layout, err := Open(dir)
	if err != nil {
		return "", err
	}
	m, err := layout.Only()
	if err != nil {
		return "", err
	}
	return m.Desc.Digest.String(), nil
}

// WriteDigest writes DigestOf and a line end to w.
func WriteDigest(w io.Writer, dir string) error {
	d, err := DigestOf(dir)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, d)
	return err
}

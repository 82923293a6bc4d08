package oci

import (
	"fmt"
	"strings"
)

// Canonical writes the image or index in the OCI layout in folder image in canonical form into folder output, which must
// not exist, or be empty. The digest is then a function of what the image means, and not of the tools that wrote its JSON
// (docs/images.md describes the form). annotations are added to the manifest or index. An image that is not
// understood is refused, and nothing is written.
func Canonical(output, image string, annotations map[string]string) error {
	i, err := Open(image)
	if err != nil {
		return err
	}
	all, ok := i.Manifest["annotations"].(Document)
	if !ok {
		all = Document{}
		i.Manifest["annotations"] = all
	}
	for name, value := range annotations {
		all[name] = value
	}
	return Create(output, func(w Writer) (Descriptor, error) {
		d, err := i.canonical(w)
		if err != nil {
			err = fmt.Errorf("%s: %w", image, err)
		}
		return d, err
	})
}

// canonical stores the image in canonical form, from the bottom up: documents contain the digests of others.
func (i *Image) canonical(w Writer) (Descriptor, error) {
	for n, image := range i.Images {
		d, err := image.canonical(w)
		if err != nil {
			return d, err
		}
		refer(i.Manifest["manifests"].([]any)[n], d)
	}
	if i.Config != nil {
		canonicalConfig(i.Config)
		d, err := w.AddDocument(MediaTypeConfig, i.Config)
		if err != nil {
			return d, err
		}
		refer(i.Manifest["config"], d)
		for n, layer := range i.Layers {
			refer(i.Manifest["layers"].([]any)[n], layer)
		}
		if err := w.Copy(i, i.Layers...); err != nil {
			return d, err
		}
	}
	i.Manifest["mediaType"] = i.MediaType
	dropEmpty(i.Manifest)
	return w.AddDocument(i.MediaType, i.Manifest)
}

// refer makes entry, a descriptor, refer to d, and keeps its other members.
func refer(entry any, d Descriptor) {
	doc := entry.(Document)
	doc["digest"], doc["size"] = d.Digest, d.Size
	dropEmpty(doc)
}

// dropEmpty drops annotations that are empty: "If there are no annotations then this property MUST either be absent or be
// an empty map" (image-spec, annotations.md).
func dropEmpty(doc Document) {
	if annotations, ok := doc["annotations"].(Document); ok && len(annotations) == 0 {
		delete(doc, "annotations")
	}
}

// noDate is what rules_oci writes where an image has no date.
const noDate = "1970-01-01T00:00:00Z"

// canonicalConfig drops from a config what has no meaning: the date that stands for having none, Bazel's labels in the history, and
// a history without anything else in it.
func canonicalConfig(config Document) {
	if config["created"] == noDate {
		delete(config, "created")
	}
	entries, ok := config["history"].([]any)
	meaning := !ok
	for _, v := range entries {
		entry, ok := v.(Document)
		if entry["created"] == noDate {
			delete(entry, "created")
		}
		if by, _ := entry["created_by"].(string); strings.HasPrefix(by, "bazel build ") {
			delete(entry, "created_by")
		}
		meaning = meaning || !ok || len(entry) > 0
	}
	// The entries stand for the layers one by one: either all of them go, or none.
	if !meaning {
		delete(config, "history")
	}
}

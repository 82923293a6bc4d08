package oci

import (
	"fmt"
	"strings"
	"time"
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
	if len(annotations) > 0 {
		all, ok := i.Manifest["annotations"].(Document)
		if !ok {
			all = Document{}
			i.Manifest["annotations"] = all
		}
		for name, value := range annotations {
			all[name] = value
		}
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

// The optional members of a config, of its member config and of the entries of its history. "Any OPTIONAL field MAY also
// be set to null, which is equivalent to being absent" (image-spec, config.md).
var (
	optional          = []string{"created", "author", "variant", "os.version", "os.features", "config", "history"}
	optionalExecution = []string{
		"User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal", "ArgsEscaped",
		"Memory", "MemorySwap", "CpuShares", "Healthcheck",
	}
	optionalHistory = []string{"created", "author", "created_by", "comment", "empty_layer"}
)

// canonicalConfig drops from a config what has no meaning: nulls, the date 1970-01-01T00:00:00Z, which stands for having none,
// Bazel's labels in the history, and a history without anything else in it.
func canonicalConfig(config Document) {
	drop(config, optional)
	if execution, ok := config["config"].(Document); ok {
		drop(execution, optionalExecution)
	}
	entries, ok := config["history"].([]any)
	meaning := !ok
	for _, v := range entries {
		entry, ok := v.(Document)
		if ok {
			drop(entry, optionalHistory)
			if by, _ := entry["created_by"].(string); strings.HasPrefix(by, "bazel build ") {
				delete(entry, "created_by")
			}
		}
		meaning = meaning || !ok || len(entry) > 0
	}
	// The entries stand for the layers one by one: either all of them go, or none.
	if !meaning {
		delete(config, "history")
	}
}

// drop drops members that are null, and a date of creation that is none.
func drop(doc Document, names []string) {
	for _, name := range names {
		if v, ok := doc[name]; ok && v == nil {
			delete(doc, name)
		}
	}
	if s, ok := doc["created"].(string); ok {
		if created, err := time.Parse(time.RFC3339Nano, s); err == nil && created.Equal(time.Unix(0, 0)) {
			delete(doc, "created")
		}
	}
}

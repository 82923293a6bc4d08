package oci

import (
	"fmt"
	"os"
	"regexp"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/oci/ojson"
)

// ArtifactOptions says what to attach to what.
type ArtifactOptions struct {
	Subject     string  // the layout of the image or index that it is attached to
	Type        string  // artifactType: what the artifact is, such as application/spdx+json
	MediaType   string  // of the file; Type if empty
	File        string  // the only content
	Annotations *string // name=value a line
}

// mediaTypes matches media types without parameters, as image-spec wants them: RFC 6838, section 4.2.
var mediaTypes = regexp.MustCompile(`^` + restrictedName + `/` + restrictedName + `$`)

const restrictedName = `[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}`

// BuildArtifact writes the OCI layout of an artifact into folder output: a manifest with an empty config, one layer, and
// a subject, as image-spec 1.1 has it ("Guidelines for Artifact Usage"). Registries list it as a referrer of its subject,
// whose digest does not change. The subject itself is not part of the layout.
func BuildArtifact(output string, o ArtifactOptions) error {
	if o.MediaType == "" {
		o.MediaType = o.Type
	}
	for _, t := range []string{o.Type, o.MediaType} {
		if !mediaTypes.MatchString(t) {
			return fmt.Errorf("%q is not a media type such as application/spdx+json", t)
		}
	}
	layout, err := Open(o.Subject)
	if err != nil {
		return err
	}
	subject, err := layout.Only()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(o.File)
	if err != nil {
		return err
	}
	return Create(output, func(w *Writer) ([]byte, error) {
		config, err := w.Add(v1.MediaTypeEmptyJSON, v1.DescriptorEmptyJSON.Data)
		if err != nil {
			return nil, err
		}
		layer, err := w.Add(o.MediaType, content)
		if err != nil {
			return nil, err
		}
		manifest := ojson.NewObject()
		if o.Annotations != nil {
			manifest.Set("annotations", merge(nil, *o.Annotations))
		}
		manifest.Set("artifactType", o.Type)
		manifest.Set("config", describe(config))
		manifest.Set("layers", []any{describe(layer)})
		manifest.Set("mediaType", v1.MediaTypeImageManifest)
		manifest.Set("schemaVersion", ojson.Number("2"))
		manifest.Set("subject", describe(subject.Desc))
		desc, err := w.Add(v1.MediaTypeImageManifest, ojson.Compact(manifest))
		if err != nil {
			return nil, err
		}
		return topIndex(desc), nil
	})
}

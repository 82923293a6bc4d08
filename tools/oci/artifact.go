package oci

import (
	"fmt"
	"os"
	"regexp"
)

// mediaTypes matches media types without parameters, as image-spec wants them (RFC 6838, section 4.2).
var mediaTypes = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$`)

// Artifact writes the OCI layout of an artifact into folder output: a manifest whose only layer is the file, whose subject is
// the image or index in folder image, and whose config is empty (image-spec 1.1, "Guidelines for Artifact Usage").
// Registries list it as a referrer of the image, whose digest does not change. The image itself is not part of the layout.
// artifactType is a media type that says what the file is, such as application/spdx+json.
func Artifact(output, image, artifactType, file string) error {
	if !mediaTypes.MatchString(artifactType) {
		return fmt.Errorf("%q is not a media type such as application/spdx+json", artifactType)
	}
	subject, err := Open(image)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return Create(output, func(w Writer) (Descriptor, error) {
		config, err := w.Add(mediaTypeEmpty, []byte("{}"))
		if err != nil {
			return config, err
		}
		layer, err := w.Add(artifactType, content)
		if err != nil {
			return layer, err
		}
		return w.AddDocument(MediaTypeManifest, Document{
			"artifactType":  artifactType,
			"config":        config,
			"layers":        []Descriptor{layer},
			"mediaType":     MediaTypeManifest,
			"schemaVersion": 2,
			"subject":       subject.Descriptor,
		})
	})
}

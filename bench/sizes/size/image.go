package size

import (
	"fmt"

	"example.com/pause/tools/oci"
)

// An Image is what the image for one platform weighs, in bytes as stored in a registry.
type Image struct {
	Platform string // as in linux/arm/v7
	Manifest int64
	Config   int64
	Layers   int64 // of all layers, compressed
}

// Total is what has to be fetched to run the image.
func (i Image) Total() int64 { return i.Manifest + i.Config + i.Layers }

// Images measures all images of the OCI layout in folder dir, each once, in the layout's order.
func Images(dir string) ([]Image, error) {
	layout, err := oci.Open(dir)
	if err != nil {
		return nil, err
	}
	var images []Image
	seen := map[*oci.Manifest]bool{}
	var walk func([]*oci.Manifest)
	walk = func(manifests []*oci.Manifest) {
		for _, m := range manifests {
			if seen[m] {
				continue
			}
			seen[m] = true
			switch m.Kind {
			case oci.Index:
				walk(m.Manifests)
			case oci.Image:
				image := Image{Platform: oci.PlatformText(m.Platform()), Manifest: m.Desc.Size, Config: m.Config.Size}
				for _, layer := range m.Layers {
					image.Layers += layer.Size
				}
				images = append(images, image)
			}
		}
	}
	walk(layout.Manifests)
	if len(images) == 0 {
		return nil, fmt.Errorf("the layout in %s has no image", dir)
	}
	return images, nil
}

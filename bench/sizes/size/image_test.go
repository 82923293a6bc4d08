package size_test

import (
	"archive/tar"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/bench/sizes/size"
	"example.com/pause/tools/oci"
)

// An index of two images is measured as two images, each with the sizes of its blobs as they are stored.
func TestImages(t *testing.T) {
	dir := t.TempDir()
	layer := filepath.Join(dir, "layer.tar")
	f, err := os.Create(layer)
	if err != nil {
		t.Fatal(err)
	}
	if err := tar.NewWriter(f).Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	var layouts []string
	for _, p := range []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm", Variant: "v7"}} {
		layout := filepath.Join(dir, p.Architecture)
		if err := oci.BuildImage(layout, oci.ImageOptions{Platform: p, Layers: []oci.Layer{{Path: layer}}}); err != nil {
			t.Fatal(err)
		}
		layouts = append(layouts, layout)
	}
	index := filepath.Join(dir, "index")
	if err := oci.BuildIndex(index, layouts, nil); err != nil {
		t.Fatal(err)
	}

	images, err := size.Images(index)
	if err != nil {
		t.Fatal(err)
	}
	if len(images) != 2 || images[0].Platform != "linux/amd64" || images[1].Platform != "linux/arm/v7" {
		t.Fatalf("got %+v; want linux/amd64 and linux/arm/v7", images)
	}
	for _, i := range images {
		if i.Layers != 1024 || i.Manifest == 0 || i.Config == 0 || i.Total() != i.Manifest+i.Config+i.Layers {
			t.Errorf("got %+v; want a layer of 1,024 bytes (an empty tar archive), and sizes that add up", i)
		}
	}
	if _, err := size.Images(dir); err == nil {
		t.Error("measured a folder that is no layout")
	}
}

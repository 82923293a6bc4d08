// Package imagetest makes small images and OCI layouts for tests.
package imagetest

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/layer"
)

// Image returns an OCI image with the config and the layers, each a gzip-compressed tar.
func Image(t testing.TB, config v1.ConfigFile, layers ...[]byte) v1.Image {
	t.Helper()
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	config.RootFS = v1.RootFS{Type: "layers"}
	image, err := mutate.ConfigFile(image, &config)
	need.NoError(t, err)
	for _, data := range layers {
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
		need.NoError(t, err)
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			t.Fatal(err)
		}
	}
	return image
}

// Index returns an OCI image index of images, in order, each for the platform that its config says.
func Index(t testing.TB, images ...v1.Image) v1.ImageIndex {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, image := range images {
		config, err := image.ConfigFile()
		need.NoError(t, err)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: config.Platform()}})
	}
	return index
}

// Example writes an OCI layout of an index with an image for each of the platforms, such as linux/arm/v7, and returns its folder.
// The program in it is the name of the platform.
func Example(t testing.TB, platforms ...string) string {
	t.Helper()
	var images []v1.Image
	for _, name := range platforms {
		platform, err := v1.ParsePlatform(name)
		need.NoError(t, err)
		config := v1.ConfigFile{OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant}
		images = append(images, Image(t, config, Layer(t, name)))
	}
	return Layout(t, Index(t, images...))
}

// Layer returns the layer that the build makes of a program.
func Layer(t testing.TB, program string) []byte {
	t.Helper()
	blob, err := layer.Build("pause", []byte(program))
	need.NoError(t, err)
	return blob
}

// Layout writes an OCI layout whose index.json has one entry, root (an image or an image index), and returns its folder.
func Layout(t testing.TB, root mutate.Appendable) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	path, err := layout.Write(dir, empty.Index)
	need.NoError(t, err)
	switch r := root.(type) {
	case v1.Image:
		err = path.AppendImage(r)
	case v1.ImageIndex:
		err = path.AppendIndex(r)
	}
	need.NoError(t, err)
	return dir
}

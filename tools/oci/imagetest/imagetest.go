// Package imagetest makes small images and OCI layouts for tests.
package imagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
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
)

// File is a regular file in a layer.
type File struct {
	Name, Content string
	Mode          int64
}

// Tar returns the tar archive of files, in USTAR, with every time zero.
func Tar(t testing.TB, files ...File) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: f.Mode, Size: int64(len(f.Content)), Format: tar.FormatUSTAR}
		need.NoError(t, w.WriteHeader(header))
		if _, err := w.Write([]byte(f.Content)); err != nil {
			t.Fatal(err)
		}
	}
	need.NoError(t, w.Close())
	return out.Bytes()
}

// Gzip compresses data as well as the standard library can, with the header that it writes by default.
func Gzip(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	need.NoError(t, err)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	need.NoError(t, w.Close())
	return out.Bytes()
}

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

// Index returns an OCI image index of images for the platforms, in order.
func Index(t testing.TB, platforms []string, images ...v1.Image) v1.ImageIndex {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for i, image := range images {
		platform, err := v1.ParsePlatform(platforms[i])
		need.NoError(t, err)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return index
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

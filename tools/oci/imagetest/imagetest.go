// Package imagetest makes small images and OCI layouts for tests.
package imagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// File is an entry of a layer. The zero values of Type and Format are a regular file in USTAR.
type File struct {
	Name, Content, Link string
	Mode                int64
	UID, GID            int
	Type                byte
}

// Tar returns the tar archive of files, in USTAR where that can hold them, with every time zero.
func Tar(t testing.TB, files ...File) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		kind := f.Type
		if kind == 0 {
			kind = tar.TypeReg
		}
		header := &tar.Header{
			Typeflag: kind, Name: f.Name, Linkname: f.Link, Mode: f.Mode, Uid: f.UID, Gid: f.GID,
			Size: int64(len(f.Content)), Format: tar.FormatUSTAR,
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.Content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Gzip compresses data as well as the standard library can, with the header that it writes by default.
func Gzip(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// ELF returns an ELF header for the machine, class and byte order, and nothing else.
func ELF(t testing.TB, machine elf.Machine, class elf.Class, order binary.ByteOrder) string {
	t.Helper()
	data := elf.ELFDATA2LSB
	if order == binary.BigEndian {
		data = elf.ELFDATA2MSB
	}
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(class), byte(data), byte(elf.EV_CURRENT)}
	var header any = &elf.Header64{
		Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Ehsize: 64, Phentsize: 56,
	}
	if class == elf.ELFCLASS32 {
		header = &elf.Header32{
			Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
			Ehsize: 52, Phentsize: 32,
		}
	}
	var out bytes.Buffer
	if err := binary.Write(&out, order, header); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Image returns an OCI image with the config and the layers, each a gzip-compressed tar.
func Image(t testing.TB, config v1.ConfigFile, layers ...[]byte) v1.Image {
	t.Helper()
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	config.RootFS = v1.RootFS{Type: "layers"}
	image, err := mutate.ConfigFile(image, &config)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range layers {
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			t.Fatal(err)
		}
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
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return index
}

// Layout writes an OCI layout whose index.json has one entry, root (an image or an image index), and returns its folder.
func Layout(t testing.TB, root mutate.Appendable) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	switch r := root.(type) {
	case v1.Image:
		err = path.AppendImage(r)
	case v1.ImageIndex:
		err = path.AppendIndex(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Overwrite replaces the content of a file, which may be read-only.
func Overwrite(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

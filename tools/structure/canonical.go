package structure

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"path"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/golden"
)

// gzipHeader is the header that RFC 1952 gives a file without name, time and flags, compressed as much as possible, on an
// unknown system: what Go's compress/gzip writes.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255}

// gzipFields are the fields of that header by their end offset.
var gzipFields = []struct {
	name string
	end  int
}{{"magic", 2}, {"method", 3}, {"flags", 4}, {"mtime", 8}, {"extra flags", 9}, {"operating system", 10}}

// canonicalLayer lists where the image is not a single canonical layer.
func (image *Image) canonicalLayer() []string {
	if n := len(image.record.Layers); n != 1 {
		return []string{fmt.Sprintf("expected 1 layer, got %d", n)}
	}
	if got := image.manifest.Layers[0].MediaType; got != v1.MediaTypeImageLayerGzip {
		return []string{"expected " + v1.MediaTypeImageLayerGzip, "got      " + got}
	}
	return CanonicalLayer(image.record.Layers[0])
}

// CanonicalLayer lists where the layer is not in the one form that its file can have: gzip with a fixed header, a single
// member and nothing after it; inside, a USTAR archive with a single regular file, owned by 0:0, of the time 0, without
// names of users, links, devices or extended headers, named by a clean relative path, its padding and the two blocks at
// the end all zero, and nothing after them. It returns nil if the layer is canonical.
func CanonicalLayer(layer []byte) []string {
	if len(layer) < len(gzipHeader) {
		return []string{"the layer is not gzip: it is too short"}
	}
	start := 0
	for _, field := range gzipFields {
		if want, got := gzipHeader[start:field.end], layer[start:field.end]; !bytes.Equal(want, got) {
			return []string{fmt.Sprintf("gzip header, %s: expected % x, got % x", field.name, want, got)}
		}
		start = field.end
	}
	reader := bytes.NewReader(layer)
	zr, err := gzip.NewReader(reader)
	if err != nil {
		return []string{fmt.Sprintf("the layer is not gzip: %v", err)}
	}
	zr.Multistream(false)
	archive, err := io.ReadAll(io.LimitReader(zr, maxContent))
	if err != nil {
		return []string{fmt.Sprintf("the layer is not gzip: %v", err)}
	}
	if reader.Len() > 0 {
		return []string{fmt.Sprintf("expected nothing after the gzip member, got %d bytes", reader.Len())}
	}
	return canonicalTar(archive)
}

func canonicalTar(archive []byte) []string {
	tr := tar.NewReader(bytes.NewReader(archive))
	header, err := tr.Next()
	if err != nil {
		return []string{fmt.Sprintf("the layer has no first entry: %v", err)}
	}
	if path.Clean(header.Name) != header.Name || path.IsAbs(header.Name) || header.Name == "." || strings.HasPrefix(header.Name, "../") {
		return []string{fmt.Sprintf("expected a clean relative path, got %q", header.Name)}
	}
	if header.Typeflag != tar.TypeReg {
		return []string{fmt.Sprintf("%s: expected a regular file, got type %q", header.Name, header.Typeflag)}
	}
	if header.Size > int64(len(archive)) { // a sparse file can be larger than all memory
		return []string{fmt.Sprintf("%s: expected at most the %d bytes of the archive, got %d", header.Name, len(archive), header.Size)}
	}
	content, err := io.ReadAll(tr)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", header.Name, err)}
	}
	if next, err := tr.Next(); err == nil {
		return []string{fmt.Sprintf("expected one entry, got another: %s", next.Name)}
	}
	// The form is that of the standard library, so writing the file again and comparing checks every byte.
	want, err := writeTar(header.Name, header.Mode&0o7777, content)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", header.Name, err)}
	}
	if bytes.Equal(archive, want) {
		return nil
	}
	i := difference(archive, want)
	return []string{
		fmt.Sprintf("tar, byte %d (%s): expected %d bytes in all, from here % x", i, golden.Locate(archive, i), len(want), want[i:min(i+16, len(want))]),
		fmt.Sprintf("got %d bytes in all, from here % x", len(archive), archive[i:min(i+16, len(archive))]),
	}
}

// difference is golden.FirstDifference, but for the checksum of the first header: a difference there only follows from
// another, so it counts only where there is none.
func difference(a, b []byte) int {
	const checksum, afterChecksum = 148, 156
	first := golden.FirstDifference(a, b)
	if first < checksum || first >= afterChecksum || len(a) < afterChecksum || len(b) < afterChecksum {
		return first
	}
	rest := golden.FirstDifference(a[afterChecksum:], b[afterChecksum:])
	if afterChecksum+rest == len(a) && len(a) == len(b) {
		return first
	}
	return afterChecksum + rest
}

func writeTar(name string, mode int64, content []byte) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content)), Format: tar.FormatUSTAR,
	})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Package layer makes image layers that are as small as a bounded search finds, and whose bytes depend on their content
// alone. Of an archive that is too large to be searched (deflate.MaxSearched), they also depend on the Go release that this
// package is built with, for compress/flate compresses it.
package layer

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"

	"example.com/pause/tools/layer/deflate"
)

// Mode is the mode of the file in a layer: everybody may run it, nobody may change it.
const Mode = 0o555

// Tar returns the tar archive of one file with the given content, called name: POSIX USTAR, mode 0555, owner and group 0
// without names, date 0, and after it the two blocks of zeros that end an archive (POSIX.1-2017, pax, "ustar Interchange
// Format"), without the padding to ten kilobytes that tapes wanted.
//
// name is a relative path without "." and ".." elements.
func Tar(name string, content []byte) ([]byte, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, fmt.Errorf("%q is not a path within the image; want one such as pause or usr/bin/pause", name)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: Mode, Format: tar.FormatUSTAR,
	}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Gzip returns the parts, one after the other, as one gzip member (RFC 1952) with a fixed header: no name, no date, "slowest
// algorithm", unknown system. Only tools/layer/deflate, which says what parts are for, decides about its size.
func Gzip(parts ...[]byte) []byte {
	out := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255}
	out = append(out, deflate.Compress(parts...)...)
	data := bytes.Join(parts, nil)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(data))
	return binary.LittleEndian.AppendUint32(out, uint32(len(data)))
}

// Build returns the layer, a gzip-compressed tar archive, that has content as the file name.
func Build(name string, content []byte) ([]byte, error) {
	archive, err := Tar(name, content)
	if err != nil {
		return nil, err
	}
	return Gzip(archive), nil
}

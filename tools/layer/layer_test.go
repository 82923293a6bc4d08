package layer

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
)

// The archive has one file, with nothing that depends on who made it, and ends after the two blocks that end it.
func TestTar(t *testing.T) {
	for _, size := range []int{0, 1, 512, 600} {
		archive, err := Tar("pause", bytes.Repeat([]byte{1}, size))
		need.NoError(t, err)
		if want := 512 + (size+511)/512*512 + 1024; len(archive) != want {
			t.Errorf("%d bytes of content: the archive has %d bytes, not %d", size, len(archive), want)
		}
		if got := string(archive[257:265]); got != "ustar\x0000" {
			t.Errorf("the magic is %q", got)
		}
		r := tar.NewReader(bytes.NewReader(archive))
		h, err := r.Next()
		need.NoError(t, err)
		if h.Name != "pause" || h.Mode != Mode || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || h.ModTime.Unix() != 0 || h.Size != int64(size) || h.Typeflag != tar.TypeReg {
			t.Errorf("the header is %+v", h)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("there is a second entry, or no end: %v", err)
		}
	}
}

// A gzip header has nothing but what RFC 1952 demands, and the content comes out again, checksum and length checked.
func TestGzip(t *testing.T) {
	for _, data := range []string{"", "x", strings.Repeat("pause ", 500)} {
		blob := Gzip([]byte(data))
		if want := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255}; !bytes.HasPrefix(blob, want) {
			t.Errorf("the header is % x, not % x", blob[:10], want)
		}
		r, err := gzip.NewReader(bytes.NewReader(blob))
		need.NoError(t, err)
		if got, err := io.ReadAll(r); err != nil || string(got) != data {
			t.Errorf("%d bytes: came out as %d bytes, %v", len(data), len(got), err)
		}
	}
}

// A name that is not a path within the image, or too long for the format, is refused.
func TestTarRefuses(t *testing.T) {
	for _, name := range []string{"", ".", "/pause", "../pause", "a//b", "a/./b", strings.Repeat("x", 300)} {
		if _, err := Tar(name, nil); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

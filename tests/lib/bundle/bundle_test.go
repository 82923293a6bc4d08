package bundle

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/layer"
	"example.com/pause/tools/oci/imagetest"
)

// layoutOf writes an OCI layout of an index of images, one with that user and archive as its layer for this machine, and another.
func layoutOf(t *testing.T, user string, archive []byte) string {
	t.Helper()
	config := v1.Config{Entrypoint: []string{"/bin/pause"}, Env: []string{"A=b"}, User: user}
	return imagetest.Layout(t, imagetest.Index(t,
		imagetest.Image(t, v1.ConfigFile{OS: "linux", Architecture: "other"}),
		imagetest.Image(t, v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH, Config: config}, layer.Gzip(archive))))
}

// The root filesystem has the image's files with their modes, and the process is what the image's config says. A user is a
// number; no user is root, no group is the root group.
func TestUnpack(t *testing.T) {
	archive, err := layer.Tar("bin/pause", []byte("\x7fELF"))
	need.NoError(t, err)
	for user, want := range map[string][2]uint32{"": {0, 0}, "7": {7, 0}, "65535:65534": {65535, 65534}} {
		root := t.TempDir()
		p, err := Unpack(layoutOf(t, user, archive), root)
		need.NoError(t, err)
		if !slices.Equal(p.Args, []string{"/bin/pause"}) || !slices.Equal(p.Env, []string{"A=b"}) || p.UID != want[0] || p.GID != want[1] {
			t.Errorf("%q: got %+v", user, p)
		}
		if st, err := os.Stat(filepath.Join(root, "bin/pause")); err != nil || st.Mode() != 0o555 || st.Size() != 4 {
			t.Errorf("got %v, %v", st, err)
		}
	}
	for _, user := range []string{"nobody", "1:", ":1", "-1", "4294967296"} {
		if _, err := Unpack(layoutOf(t, user, archive), t.TempDir()); err == nil {
			t.Errorf("%q: no error", user)
		}
	}
}

// What is not unpacked rightly is refused rather than unpacked wrongly.
func TestUnpackRefuses(t *testing.T) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	need.NoError(t, w.WriteHeader(&tar.Header{Name: "out", Linkname: "/etc", Typeflag: tar.TypeSymlink}))
	need.NoError(t, w.Close())
	if _, err := Unpack(layoutOf(t, "", archive.Bytes()), t.TempDir()); err == nil {
		t.Error("a link: no error")
	}
}

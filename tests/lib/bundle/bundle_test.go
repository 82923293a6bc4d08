package bundle

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/oci/imagetest"
)

// makeLayout writes an OCI layout of an index of images with a layer of the given files, for this machine and for another one.
func makeLayout(t *testing.T, user string, files ...tar.Header) string {
	t.Helper()
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for _, header := range files {
		if header.Typeflag == tar.TypeReg {
			header.Size = 4
		}
		need.NoError(t, w.WriteHeader(&header))
		if header.Typeflag == tar.TypeReg {
			_, err := w.Write([]byte("\x7fELF"))
			need.NoError(t, err)
		}
	}
	need.NoError(t, w.Close())
	config := v1.Config{Entrypoint: []string{"/bin/pause"}, Env: []string{"A=b"}, User: user}
	return imagetest.Layout(t, imagetest.Index(t, []string{"linux/" + runtime.GOARCH, "linux/other"},
		imagetest.Image(t, v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH, Config: config}, imagetest.Gzip(t, content.Bytes())),
		imagetest.Image(t, v1.ConfigFile{OS: "linux", Architecture: "other"})))
}

// The root filesystem has the image's files with their modes, and the process is what the image's config says.
func TestUnpack(t *testing.T) {
	dir := makeLayout(t, "65535:65534", tar.Header{Name: "bin/pause", Mode: 0o555, Typeflag: tar.TypeReg})
	root := t.TempDir()
	p, err := Unpack(dir, root)
	need.NoError(t, err)
	if !slices.Equal(p.Args, []string{"/bin/pause"}) || !slices.Equal(p.Env, []string{"A=b"}) || p.UID != 65535 || p.GID != 65534 {
		t.Errorf("got %+v", p)
	}
	if st, err := os.Stat(filepath.Join(root, "bin/pause")); err != nil || st.Mode() != 0o555 || st.Size() != 4 {
		t.Errorf("got %v, %v", st, err)
	}
}

// What is not unpacked rightly is refused rather than unpacked wrongly.
func TestUnpackRefuses(t *testing.T) {
	for name, files := range map[string][]tar.Header{
		"a link":   {{Name: "out", Linkname: "/etc", Typeflag: tar.TypeSymlink}},
		"a device": {{Name: "null", Typeflag: tar.TypeChar}},
	} {
		if _, err := Unpack(makeLayout(t, "0", files...), t.TempDir()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Unpack(makeLayout(t, "nobody", tar.Header{Name: "f", Typeflag: tar.TypeReg}), t.TempDir()); err == nil {
		t.Error("a user by name: no error")
	}
}

// Users are numbers; no user is root, no group is the root group.
func TestUser(t *testing.T) {
	for user, want := range map[string][2]uint32{"": {0, 0}, "7": {7, 0}, "65535:65534": {65535, 65534}} {
		if uid, gid, err := parseUser(user); err != nil || uid != want[0] || gid != want[1] {
			t.Errorf("%q: got %d, %d, %v", user, uid, gid, err)
		}
	}
	for _, user := range []string{"nobody", "1:", ":1", "-1", "4294967296"} {
		if _, _, err := parseUser(user); err == nil {
			t.Errorf("%q: no error", user)
		}
	}
}

// A container is locked up: read-only root, no capability, no new privileges, a tmpfs of its own on /dev, and the namespaces
// and the cgroup that were asked for, no others.
func TestConfig(t *testing.T) {
	kinds := func(s *specs.Spec) string {
		var names []string
		for _, n := range s.Linux.Namespaces {
			names = append(names, string(n.Type))
		}
		return strings.Join(names, " ")
	}
	p := Process{Args: []string{"/pause"}, Env: []string{"A=b"}, UID: 65535, GID: 65534}
	plain := Config(Options{Process: p, Root: "/root"})
	if !plain.Root.Readonly || plain.Root.Path != "/root" || !plain.Process.NoNewPrivileges || plain.Process.User.UID != 65535 ||
		plain.Process.User.GID != 65534 || plain.Linux.CgroupsPath != "" ||
		!slices.Equal(plain.Process.Env, p.Env) {
		t.Errorf("got %+v", plain)
	}
	if c := plain.Process.Capabilities; len(c.Bounding)+len(c.Effective)+len(c.Permitted)+len(c.Inheritable)+len(c.Ambient) > 0 {
		t.Errorf("capabilities: %+v", c)
	}
	if got := kinds(plain); got != "pid mount ipc uts" {
		t.Errorf("namespaces: %s", got)
	}
	if len(plain.Mounts) != 1 || plain.Mounts[0].Destination != "/dev" || plain.Mounts[0].Type != "tmpfs" ||
		!slices.Contains(plain.Mounts[0].Options, "mode=755") {
		t.Errorf("mounts: %+v", plain.Mounts)
	}
	full := Config(Options{Process: p, Root: "/root", Netns: true, Cgroup: "/fleet/1", Proc: true})
	if kinds(full) != "pid mount ipc uts network" || full.Linux.CgroupsPath != "/fleet/1" || full.Mounts[1].Destination != "/proc" {
		t.Errorf("got %s, %+v", kinds(full), full)
	}
	// The engine reads it as JSON: what is empty must not be there.
	if text, err := json.Marshal(plain); err != nil || strings.Contains(string(text), "cgroupsPath") {
		t.Errorf("%s, %v", text, err)
	}
}

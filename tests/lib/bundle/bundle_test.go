package bundle

import (
	"archive/tar"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"example.com/pause/tools/oci"
)

// makeLayout writes an image with a layer of the given files; a name that ends in / is a folder.
func makeLayout(t *testing.T, user string, files ...tar.Header) string {
	t.Helper()
	dir := t.TempDir()
	layer, err := os.Create(filepath.Join(dir, "layer.tar"))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(layer)
	for _, header := range files {
		if header.Typeflag == tar.TypeReg {
			header.Size = 4
		}
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			w.Write([]byte("\x7fELF"))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer.Close()
	out := filepath.Join(dir, "layout")
	entrypoint, env := "/bin/pause", "A=b"
	err = oci.BuildImage(out, oci.ImageOptions{
		Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
		Layers:   []oci.Layer{{Path: layer.Name()}}, Entrypoint: &entrypoint, Env: &env, User: user,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The root filesystem has the image's files with their modes, and the process is what the image's config says.
func TestUnpack(t *testing.T) {
	layout := makeLayout(t, "65535:65534", tar.Header{Name: "bin/pause", Mode: 0o555, Typeflag: tar.TypeReg})
	root := t.TempDir()
	p, err := Unpack(layout, root)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Args, []string{"/bin/pause"}) || !slices.Equal(p.Env, []string{"A=b"}) || p.UID != 65535 || p.GID != 65534 {
		t.Errorf("got %+v", p)
	}
	if st, err := os.Stat(filepath.Join(root, "bin/pause")); err != nil || st.Mode() != 0o555 || st.Size() != 4 {
		t.Errorf("got %v, %v", st, err)
	}
}

// A layer cannot write outside of the root, and what is not unpacked rightly is refused rather than unpacked wrongly.
func TestUnpackRefuses(t *testing.T) {
	outside := t.TempDir()
	for name, files := range map[string][]tar.Header{
		"a link out": {
			{Name: "out", Linkname: outside, Typeflag: tar.TypeSymlink}, {Name: "out/file", Mode: 0o644, Typeflag: tar.TypeReg},
		},
		"a whiteout": {{Name: ".wh.pause", Typeflag: tar.TypeReg}},
		"a device":   {{Name: "null", Typeflag: tar.TypeChar}},
	} {
		if _, err := Unpack(makeLayout(t, "0", files...), t.TempDir()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if entries, _ := os.ReadDir(outside); len(entries) > 0 {
		t.Errorf("written outside: %v", entries)
	}
	if _, err := Unpack(makeLayout(t, "nobody", tar.Header{Name: "f", Typeflag: tar.TypeReg}), t.TempDir()); err == nil {
		t.Error("a user by name: no error")
	}
}

// Users are numbers; no user is root, no group is the root group.
func TestParseUser(t *testing.T) {
	for user, want := range map[string][2]uint32{"": {0, 0}, "7": {7, 0}, "65535:65534": {65535, 65534}} {
		if uid, gid, err := ParseUser(user); err != nil || uid != want[0] || gid != want[1] {
			t.Errorf("%q: got %d, %d, %v", user, uid, gid, err)
		}
	}
	for _, user := range []string{"nobody", "1:", ":1", "-1", "4294967296"} {
		if _, _, err := ParseUser(user); err == nil {
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

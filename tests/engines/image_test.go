package engines

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tests/lib/bundle"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/oci"
)

// The environment variables that say where the material is, as runfiles or as paths.
const (
	envLayout      = "PAUSE_LAYOUT"       // the shipped image, an OCI layout of an image or of an index
	envSeccomp     = "PAUSE_SECCOMP"      // the shipped seccomp profile
	envContainerd1 = "PAUSE_CONTAINERD_1" // the shipped configuration of containerd 1.x
	envContainerd2 = "PAUSE_CONTAINERD_2" // the same of containerd 2.x
)

// reference is the name that engines get to know the image by; the shipped configuration uses it too.
const reference = "registry.example.com/pause:1.0"

// file returns the path that the environment variable env stands for, or fallback, which is relative to this folder,
// where it is not set and there is a fallback.
func file(t *testing.T, env, fallback string) string {
	t.Helper()
	value := os.Getenv(env)
	if value == "" && fallback != "" {
		value = fallback
	}
	need.That(t, value != "", env+" is not set: it names the OCI layout of the image, which //images:pause builds")
	path, err := targets.Resolve(value)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return path
}

// seccompProfile returns the path of the shipped seccomp profile.
func seccompProfile(t *testing.T) string {
	t.Helper()
	return file(t, envSeccomp, "../../deploy/seccomp/pause.json")
}

// platform is what the engines run.
func platform() *v1.Platform { return &v1.Platform{OS: "linux", Architecture: runtime.GOARCH} }

// archive writes the image into a file that engines import, under the name reference, and returns its path.
func archive(t *testing.T, format oci.Format) string {
	t.Helper()
	path := filepath.Join(temp(t), "image.tar")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := oci.WriteArchive(out, layout(t), oci.ArchiveOptions{Format: format, RepoTags: []string{reference}, Platform: platform()}); err != nil {
		t.Fatal(err)
	}
	return path
}

// layout returns the path of the image's OCI layout.
func layout(t *testing.T) string {
	t.Helper()
	path := file(t, envLayout, "")
	_, ok := targets.Host()
	need.That(t, ok, "the image is not built for the architecture of this machine")
	return path
}

// image returns the image for this machine.
func image(t *testing.T) *oci.Manifest {
	t.Helper()
	l, err := oci.Open(layout(t))
	if err != nil {
		t.Fatal(err)
	}
	only, err := l.Only()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := only.Select(*platform())
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

// unpack writes the image's files into the new folder root and returns what it says to start.
func unpack(t *testing.T, root string) bundle.Process {
	t.Helper()
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	process, err := bundle.Unpack(layout(t), root)
	if err != nil {
		t.Fatal(err)
	}
	return process
}

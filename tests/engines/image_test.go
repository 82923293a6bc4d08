package engines

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tests/need"
	"example.com/pause/tests/targets"
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
	layout := file(t, envLayout, "")
	path := filepath.Join(temp(t), "image.tar")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := oci.WriteArchive(out, layout, oci.ArchiveOptions{Format: format, RepoTags: []string{reference}, Platform: platform()}); err != nil {
		t.Fatal(err)
	}
	return path
}

// image returns the image for this machine, and the layout that it is in.
func image(t *testing.T) (*oci.Manifest, *oci.Layout) {
	t.Helper()
	layout, err := oci.Open(file(t, envLayout, ""))
	if err != nil {
		t.Fatal(err)
	}
	only, err := layout.Only()
	if err != nil {
		t.Fatal(err)
	}
	_, ok := targets.Host()
	need.That(t, ok, "the image is not built for the architecture of this machine")
	manifest, err := only.Select(*platform())
	if err != nil {
		t.Fatal(err)
	}
	return manifest, layout
}

// unpack writes the image's files into the new folder root and returns its config.
func unpack(t *testing.T, root string) v1.Image {
	t.Helper()
	manifest, layout := image(t)
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, layer := range manifest.Layers {
		blob, err := layout.Blob(layer.Digest)
		if err != nil {
			t.Fatal(err)
		}
		defer blob.Close()
		content := io.Reader(blob)
		if layer.MediaType == v1.MediaTypeImageLayerGzip {
			if content, err = gzip.NewReader(blob); err != nil {
				t.Fatal(err)
			}
		}
		untar(t, root, content)
	}
	var config v1.Image
	if err := json.Unmarshal(manifest.ConfigRaw, &config); err != nil {
		t.Fatal(err)
	}
	return config
}

// untar writes a layer that has folders and files only.
func untar(t *testing.T, root string, layer io.Reader) {
	t.Helper()
	for archive := tar.NewReader(layer); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, filepath.Clean("/"+header.Name))
		switch header.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeReg:
			var content []byte
			if content, err = io.ReadAll(archive); err == nil {
				err = os.WriteFile(path, content, header.FileInfo().Mode().Perm())
			}
		default:
			t.Fatalf("the layer has %q, which is neither a file nor a folder", header.Name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

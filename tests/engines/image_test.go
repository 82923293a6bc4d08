package engines

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"example.com/pause/tests/lib/bundle"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pods"
	"example.com/pause/tests/lib/targets"
)

// reference is the name that engines get to know the image by; the shipped configuration uses it too.
const reference = pods.Reference

// layout returns the path of the image's OCI layout.
func layout(t *testing.T) string {
	t.Helper()
	_, ok := targets.Host()
	need.That(t, ok, "the image is not built for the architecture of this machine")
	return targets.File(t, "PAUSE_LAYOUT")
}

// digest returns the digest of the image index.
func digest(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(layout(t), "index.json"))
	need.NoError(t, err)
	var index struct{ Manifests []struct{ Digest string } }
	need.NoError(t, json.Unmarshal(content, &index))
	if len(index.Manifests) != 1 {
		t.Fatalf("the layout has %d manifests, want 1", len(index.Manifests))
	}
	return index.Manifests[0].Digest
}

// hostDigest returns the digest of the image for this machine.
func hostDigest(t *testing.T) string {
	t.Helper()
	image, err := bundle.Image(layout(t))
	need.NoError(t, err)
	digest, err := image.Digest()
	need.NoError(t, err)
	return digest.String()
}

// unpack writes the image's files into the new folder root and returns what it says to start.
func unpack(t *testing.T, root string) bundle.Process {
	t.Helper()
	need.NoError(t, os.Mkdir(root, 0o755))
	process, err := bundle.Unpack(layout(t), root)
	need.NoError(t, err)
	return process
}

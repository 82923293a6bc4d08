// Package images_test says of every image that is shipped what container-structure-test cannot say (images/pause.yaml says
// the rest): its digest, its bytes, that there is nothing else in it, and what machine its program is for. It reads the layout
// itself, and has its own opinion on what the documents must be.
package images_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/layer"
)

// limit is the number of bytes that manifest, config and layer must stay below.
const limit = 1024

// The documents as they must be, to the byte.
const (
	wantConfig = `{"architecture":%q,"config":{"Entrypoint":["/pause"],"User":"65535:65535"},"os":"linux",` +
		`"rootfs":{"diff_ids":[%q],"type":"layers"}%s}`
	wantManifest = `{"config":{"digest":%q,"mediaType":"application/vnd.oci.image.config.v1+json","size":%d},` +
		`"layers":[{"digest":%q,"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":%d}],` +
		`"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}`
)

func sha(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	need.NoError(t, err)
	plain, err := io.ReadAll(r)
	need.NoError(t, err)
	return plain
}

// blob is where a layout has a blob.
func blob(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

// golden returns the digest in the golden file of the index, or of an image.
func golden(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("../../images/digests/" + name + ".txt")
	need.NoError(t, err)
	first, _, _ := strings.Cut(string(content), "\n")
	return first
}

// The index and each of its images is what was accepted. Each image is small enough, is for the machine that it says, and has
// in it the program for that and nothing else.
func TestImages(t *testing.T) {
	dir := targets.File(t, "PAUSE_LAYOUT")
	read := func(t *testing.T, digest string) []byte {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(dir, blob(digest)))
		need.NoError(t, err)
		if got := sha(content); got != digest {
			t.Fatalf("the blob %s has the digest %s", digest, got)
		}
		return content
	}
	top, err := os.ReadFile(filepath.Join(dir, "index.json"))
	need.NoError(t, err)
	digest := golden(t, "pause")
	if !strings.Contains(string(top), digest) {
		t.Fatalf("the golden file has the digest %s; the layout has %s", digest, top)
	}
	var index struct {
		Manifests []struct {
			Digest   string
			Platform struct{ OS, Architecture, Variant string }
		}
	}
	need.NoError(t, json.Unmarshal(read(t, digest), &index))
	if len(index.Manifests) != len(targets.All()) {
		t.Fatalf("the index has %d images; want %d", len(index.Manifests), len(targets.All()))
	}
	for n, target := range targets.All() {
		t.Run(target.Arch, func(t *testing.T) {
			entry := index.Manifests[n]
			if entry.Platform.OS != "linux" || entry.Platform.Architecture != target.Arch {
				t.Errorf("entry %d is for %+v", n, entry.Platform)
			}
			if want := golden(t, "pause_linux_"+target.Arch); entry.Digest != want {
				t.Errorf("the digest is %s; the golden file has %s", entry.Digest, want)
			}
			blob, err := layer.Build("pause", program(t, target))
			need.NoError(t, err)
			variant := ""
			if entry.Platform.Variant != "" {
				variant = fmt.Sprintf(`,"variant":%q`, entry.Platform.Variant)
			}
			config := fmt.Appendf(nil, wantConfig, target.Arch, sha(gunzip(t, blob)), variant)
			manifest := fmt.Appendf(nil, wantManifest, sha(config), len(config), sha(blob), len(blob))
			if got := read(t, entry.Digest); !bytes.Equal(got, manifest) {
				t.Fatalf("manifest: %s\nwant      %s\nwith the config %s", got, manifest, config)
			}
			if n := len(manifest) + len(read(t, sha(config))) + len(read(t, sha(blob))); n >= limit {
				t.Errorf("there are %d bytes; want fewer than %d", n, limit)
			}
		})
	}
}

// Each line of text holds its image, as an OCI layout and for Docker's classic store, and is short enough to be pasted.
func TestText(t *testing.T) {
	content, err := os.ReadFile(targets.File(t, "PAUSE_TEXT"))
	need.NoError(t, err)
	lines := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		lines[name] = text
	}
	if most := 1400; len(lines["pause_linux_amd64_base64"]) > most {
		t.Errorf("the line for amd64 has %d characters; %d are the most", len(lines["pause_linux_amd64_base64"]), most)
	}
	want := map[string]string{"archive_base64": golden(t, "pause")}
	for _, target := range targets.All() {
		name := "pause_linux_" + target.Arch
		want[name+"_base64"] = golden(t, name)
	}
	if len(lines) != len(want) {
		t.Errorf("there are %d lines; want %d", len(lines), len(want))
	}
	for name, digest := range want {
		compressed, err := base64.StdEncoding.DecodeString(lines[name])
		need.NoError(t, err)
		files := map[string]string{}
		for archive := tar.NewReader(bytes.NewReader(gunzip(t, compressed))); ; {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			need.NoError(t, err)
			content, err := io.ReadAll(archive)
			need.NoError(t, err)
			files[header.Name] = string(content)
		}
		if !strings.Contains(files["index.json"], digest) || sha([]byte(files[blob(digest)])) != digest {
			t.Errorf("%s: the archive has no image %s", name, digest)
		}
		var saved []struct {
			Config           string
			Layers, RepoTags []string
		}
		if err := json.Unmarshal([]byte(files["manifest.json"]), &saved); err != nil || len(saved) == 0 {
			t.Errorf("%s: manifest.json has no image (%v)", name, err)
		}
		for _, image := range saved {
			for _, file := range append(image.Layers, image.Config) {
				if files[file] == "" {
					t.Errorf("%s: manifest.json speaks of %s, which is not there", name, file)
				}
			}
			if len(image.RepoTags) != 1 || !strings.HasPrefix(image.RepoTags[0], "pause:1.") {
				t.Errorf("%s: Docker's classic store is to call it %q", name, image.RepoTags)
			}
		}
	}
}

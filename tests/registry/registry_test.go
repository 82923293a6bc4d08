// Package registry_test pushes the shipped index, its SBOM and its provenance to registries on loopback, and has other clients
// get them back. What the program says when something goes wrong is tested beside it, in tools/release/push.
package registry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
)

// folder returns the path of the OCI layout that the environment variable env has, and the digest of what is in it. Bazel's
// sandbox has a link in the place of every file, which go-containerregistry takes for an attack; the path is where they lead.
func folder(t *testing.T, env string) (dir, digest string) {
	t.Helper()
	marker, err := filepath.EvalSymlinks(filepath.Join(targets.File(t, env), "index.json"))
	need.NoError(t, err)
	dir = filepath.Dir(marker)
	return dir, digestIn(t, dir)
}

// digestIn returns the digest of the only image, index or artifact in an OCI layout.
func digestIn(t *testing.T, dir string) string {
	t.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	need.NoError(t, err)
	manifest, err := index.IndexManifest()
	need.NoError(t, err)
	if len(manifest.Manifests) != 1 {
		t.Fatalf("%s has %d manifests, want 1", dir, len(manifest.Manifests))
	}
	return manifest.Manifests[0].Digest.String()
}

// serve runs a registry until the test ends, and returns where it listens, as host:port. There is no TLS, as is usual on loopback.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// open returns a registry that lets everybody in, and says nothing.
func open(options ...registry.Option) http.Handler {
	return registry.New(append(options, registry.Logger(log.New(io.Discard, "", 0)))...)
}

// push runs the program; env is added to an environment without credentials.
func push(t *testing.T, env []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), targets.File(t, "PAUSE_PUSH"), args...)
	home := t.TempDir()
	cmd.Env = append([]string{"HOME=" + home, "DOCKER_CONFIG=" + home, "XDG_RUNTIME_DIR=" + home}, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("push: %v: %s", err, out)
	}
}

func reference(t *testing.T, text string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(text)
	need.NoError(t, err)
	return ref
}

func digestOf(t *testing.T, text string) string {
	t.Helper()
	descriptor, err := remote.Get(reference(t, text))
	need.NoError(t, err)
	return descriptor.Digest.String()
}

// What was pushed is pulled back by go-containerregistry, whole and valid, under tag and digest. Without a tag nothing is tagged,
// and pushing twice is the same as pushing once.
func TestPullBack(t *testing.T) {
	dir, digest := folder(t, "PAUSE_LAYOUT")
	repository := serve(t, open()) + "/team/pause"
	push(t, nil, "--image", dir, "--repository", repository)
	if tags, err := remote.List(reference(t, repository).Context()); err != nil || len(tags) > 0 {
		t.Errorf("tags are %q (%v), expected none", tags, err)
	}
	for range 2 {
		push(t, nil, "--image", dir, "--repository", repository, "--tag", "1.0.0", "--tag", "latest")
	}
	for _, ref := range []string{repository + ":1.0.0", repository + ":latest", repository + "@" + digest} {
		if got := digestOf(t, ref); got != digest {
			t.Errorf("%s is %s, expected %s", ref, got, digest)
		}
	}
	index, err := remote.Index(reference(t, repository+":1.0.0"))
	need.NoError(t, err)
	need.NoError(t, validate.Index(index))
}

// SBOM and provenance are found through the referrers API, and are the documents that were attached; the image keeps its
// digest. Where a registry has no such API they are found through the tag that distribution-spec 1.1 falls back to.
func TestReferrers(t *testing.T) {
	dir, digest := folder(t, "PAUSE_LAYOUT")
	for title, api := range map[string]bool{"referrers API": true, "referrers tag": false} {
		t.Run(title, func(t *testing.T) {
			repository := serve(t, open(registry.WithReferrersSupport(api))) + "/pause"
			args := []string{"--image", dir, "--repository", repository, "--tag", "1.0.0"}
			want := map[string]string{} // digest to type
			for env, kind := range map[string]string{"PAUSE_SBOM": "application/spdx+json", "PAUSE_PROVENANCE": "application/vnd.in-toto+json"} {
				artifact, digest := folder(t, env)
				args = append(args, "--referrer", artifact)
				want[digest] = kind
			}
			push(t, nil, args...)
			if got := digestOf(t, repository+":1.0.0"); got != digest {
				t.Errorf("the digest is %s, expected %s: an attestation changed it", got, digest)
			}
			// Without a filter: go-containerregistry's registry lists referrers by the type of their config, not their own.
			index, err := remote.Referrers(reference(t, repository+"@"+digest).(name.Digest))
			need.NoError(t, err)
			manifest, err := index.IndexManifest()
			need.NoError(t, err)
			if len(manifest.Manifests) != len(want) {
				t.Errorf("there are %d referrers, want %d", len(manifest.Manifests), len(want))
			}
			for _, entry := range manifest.Manifests {
				artifact, err := remote.Image(reference(t, repository+"@"+entry.Digest.String()))
				need.NoError(t, err)
				attached, err := artifact.Manifest()
				need.NoError(t, err)
				if kind := want[entry.Digest.String()]; attached.ArtifactType != kind {
					t.Errorf("%s is a %q, want a %q", entry.Digest, attached.ArtifactType, kind)
				}
				if attached.Subject == nil || attached.Subject.Digest.String() != digest {
					t.Errorf("the subject of %s is %v, want %s", entry.Digest, attached.Subject, digest)
				}
				need.NoError(t, validate.Image(artifact))
			}
		})
	}
}

// The credentials of docker login, and of podman login, are used.
func TestCredentials(t *testing.T) {
	registry := open()
	host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		registry.ServeHTTP(w, r)
	}))
	dir, _ := folder(t, "PAUSE_LAYOUT")
	auth := base64.StdEncoding.EncodeToString([]byte("me:secret"))
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, auth)
	docker, podman := t.TempDir(), filepath.Join(t.TempDir(), "auth.json")
	need.NoError(t, os.WriteFile(filepath.Join(docker, "config.json"), []byte(config), 0o600))
	need.NoError(t, os.WriteFile(podman, []byte(config), 0o600))
	for _, env := range []string{"DOCKER_CONFIG=" + docker, "REGISTRY_AUTH_FILE=" + podman} {
		push(t, []string{env}, "--image", dir, "--repository", host+"/pause", "--tag", "1.0.0")
	}
}

// skopeo, a client of other origin, pulls the whole index back as the same bytes, and reads the image of each platform.
func TestSkopeo(t *testing.T) {
	skopeo := need.Program(t, "skopeo", "skopeo")
	dir, digest := folder(t, "PAUSE_LAYOUT")
	repository := serve(t, open()) + "/pause"
	push(t, nil, "--image", dir, "--repository", repository, "--tag", "1.0.0")
	source := "docker://" + repository + ":1.0.0"
	// --tmpdir and --policy: skopeo's own defaults lie outside of what a sandbox has.
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(skopeo, append([]string{"--insecure-policy", "--tmpdir", t.TempDir()}, args...)...)
		cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("skopeo %q: %v: %s", args, err, stderr.String())
		}
		return string(out)
	}
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(run("inspect", "--raw", "--tls-verify=false", source)))); got != digest {
		t.Errorf("skopeo inspect --raw gives %s, expected %s", got, digest)
	}
	pulled := filepath.Join(t.TempDir(), "pulled")
	run("copy", "--quiet", "--all", "--preserve-digests", "--src-tls-verify=false", source, "oci:"+pulled+":1.0.0")
	if got := digestIn(t, pulled); got != digest {
		t.Errorf("skopeo copied %s, expected %s", got, digest)
	}
	for _, target := range targets.All() {
		got := run("--override-os", "linux", "--override-arch", target.Arch, "inspect", "--tls-verify=false",
			"--format", "{{.Os}}/{{.Architecture}}", source)
		if want := "linux/" + target.Arch; strings.TrimSpace(got) != want {
			t.Errorf("for %s skopeo gets %s", want, got)
		}
	}
}

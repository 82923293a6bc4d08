package push

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/layer"
	"example.com/pause/tools/oci"
)

// index builds an index of two images, and an artifact attached to it.
func index(t *testing.T) (layout, artifact, digest string) {
	t.Helper()
	dir := t.TempDir()
	// No credentials of whoever runs the test take part.
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("REGISTRY_AUTH_FILE", filepath.Join(dir, "none.json"))
	var images []string
	for _, arch := range []string{"amd64", "arm64"} {
		blob, err := layer.Build("pause", []byte(arch))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, arch+".tar.gz")
		if err := os.WriteFile(path, blob, 0o644); err != nil {
			t.Fatal(err)
		}
		image := filepath.Join(dir, arch)
		err = oci.BuildImage(image, oci.ImageOptions{
			Platform: v1.Platform{OS: "linux", Architecture: arch}, Layers: []oci.Layer{{Path: path}},
		})
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, image)
	}
	layout, artifact = filepath.Join(dir, "index"), filepath.Join(dir, "artifact")
	if err := oci.BuildIndex(layout, images, nil); err != nil {
		t.Fatal(err)
	}
	sbom := filepath.Join(dir, "sbom.json")
	if err := os.WriteFile(sbom, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := oci.BuildArtifact(artifact, oci.ArtifactOptions{Subject: layout, Type: "application/spdx+json", File: sbom}); err != nil {
		t.Fatal(err)
	}
	digest, err := oci.DigestOf(layout)
	if err != nil {
		t.Fatal(err)
	}
	return layout, artifact, digest
}

// server starts a registry on loopback, wrapped, and returns its host and port.
func server(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
	s := httptest.NewServer(wrap(handler))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// The index goes by its digest first, then what refers to it, and the tags come last; a second client gets it all back.
func TestPush(t *testing.T) {
	layout, artifact, digest := index(t)
	var mu sync.Mutex
	var manifests []string
	host := server(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, reference, ok := strings.Cut(r.URL.Path, "/manifests/"); ok && r.Method == http.MethodPut {
				mu.Lock()
				manifests = append(manifests, reference)
				mu.Unlock()
			}
			next.ServeHTTP(w, r)
		})
	})
	var out bytes.Buffer
	err := Push(context.Background(), Options{
		Layout: layout, Repository: host + "/team/pause", Tags: []string{"1.0", "latest"}, Referrers: []string{artifact}, Log: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(manifests, digest)
	if at < 0 || !slices.Equal(manifests[len(manifests)-2:], []string{"1.0", "latest"}) || at != len(manifests)-4 {
		t.Errorf("manifests were put in the order %v", manifests)
	}
	for _, line := range []string{"pushed " + host + "/team/pause@" + digest, "tagged " + host + "/team/pause:latest"} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("the output lacks %q:\n%s", line, &out)
		}
	}
	repository, err := name.NewRepository(host + "/team/pause")
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Index(repository.Tag("latest"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pulled.Digest(); err != nil || got.String() != digest {
		t.Errorf("pulled %v, %v, want %s", got, err, digest)
	}
	if err := validate.Index(pulled); err != nil {
		t.Error(err)
	}
	referrers, err := remote.Referrers(repository.Digest(digest))
	if err != nil {
		t.Fatal(err)
	}
	attached, err := oci.DigestOf(artifact)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := referrers.IndexManifest(); err != nil || len(m.Manifests) != 1 || m.Manifests[0].Digest.String() != attached {
		t.Errorf("the referrers are %v, %v", m, err)
	}
}

// Whatever goes wrong is one line that names the registry and says what to do, and sets no tag.
func TestPushExplains(t *testing.T) {
	layout, artifact, _ := index(t)
	answer := func(status int) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		}
	}
	// A port that nobody listens on: taken, then given back.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := oci.BuildImage(other, oci.ImageOptions{Platform: v1.Platform{OS: "linux", Architecture: "arm"}}); err != nil {
		t.Fatal(err)
	}
	saying := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"two\nlines\u001b[31m\u202e of it"},{"code":"DENIED","message":"more\r"}]}`)
		})
	}
	long := filepath.Join(t.TempDir(), "long")
	if err := os.CopyFS(long, os.DirFS(layout)); err != nil {
		t.Fatal(err)
	}
	rename(t, long)
	for what, c := range map[string]struct {
		o    Options
		want string
	}{
		"lines":            {Options{Layout: layout, Repository: server(t, saying) + "/p"}, "(HTTP 400): two lines [31m of it: more"},
		"SHA-512":          {Options{Layout: long, Repository: "localhost:1/p"}, "cannot be pushed: make the layout with sha256 digests"},
		"nobody listens":   {Options{Layout: layout, Repository: nobody + "/p"}, "cannot be reached"},
		"not logged in":    {Options{Layout: layout, Repository: server(t, answer(http.StatusUnauthorized)) + "/p"}, "docker login"},
		"forbidden":        {Options{Layout: layout, Repository: server(t, answer(http.StatusForbidden)) + "/p"}, "docker login"},
		"no registry":      {Options{Layout: layout, Repository: server(t, answer(http.StatusNotFound)) + "/p"}, "HTTP 404"},
		"tag in the name":  {Options{Layout: layout, Repository: "localhost:1/p:latest"}, "without tag and digest"},
		"bad tag":          {Options{Layout: layout, Repository: "localhost:1/p", Tags: []string{"a b"}}, "tag \"a b\""},
		"no layout":        {Options{Layout: t.TempDir(), Repository: "localhost:1/p"}, "oci-layout: is missing"},
		"foreign referrer": {Options{Layout: other, Repository: "localhost:1/p", Referrers: []string{artifact}}, "its subject is"},
	} {
		c.o.Log = io.Discard
		err := Push(context.Background(), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the message is %v; it should be one line about %q", what, err, c.want)
		}
	}
}

// rename makes index.json of the layout in folder dir call the index by its SHA-512.
func rename(t *testing.T, dir string) {
	t.Helper()
	old, err := oci.DigestOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "blobs", strings.Replace(old, ":", "/", 1)))
	if err != nil {
		t.Fatal(err)
	}
	long := digest.SHA512.FromBytes(content)
	top, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "blobs", "sha512"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{
		"index.json": bytes.ReplaceAll(top, []byte(old), []byte(long)), "blobs/sha512/" + long.Encoded(): content,
	} {
		if err := os.WriteFile(filepath.Join(dir, path), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A registry without TLS is told apart from one that cannot be reached, unless it is on loopback or --insecure was given.
func TestPushWithoutTLS(t *testing.T) {
	layout, _, _ := index(t)
	host := server(t, func(next http.Handler) http.Handler { return next })
	// Whatever name the client asks for, it gets the server.
	direct := remote.DefaultTransport.(*http.Transport).Clone()
	direct.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, host)
	}
	old := remote.DefaultTransport
	remote.DefaultTransport = direct
	t.Cleanup(func() { remote.DefaultTransport = old })
	o := Options{Layout: layout, Repository: "registry.example.com/p", Log: io.Discard}
	err := Push(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), "registry.example.com speaks HTTP without TLS; --insecure allows it") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	o.Insecure = true
	if err := Push(context.Background(), o); err != nil {
		t.Errorf("with --insecure: %v", err)
	}
}

package main

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
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/oci"
	"example.com/pause/tools/oci/imagetest"
)

// index builds an index of two images, and an artifact attached to it.
func index(t *testing.T) (image, artifact, digest string) {
	t.Helper()
	// No credentials of whoever runs the test take part.
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("REGISTRY_AUTH_FILE", filepath.Join(dir, "none.json"))
	image, artifact = imagetest.Example(t, "linux/amd64", "linux/arm64"), filepath.Join(dir, "artifact")
	opened, err := oci.Open(image)
	need.NoError(t, err)
	file := filepath.Join(dir, "sbom.json")
	need.NoError(t, os.WriteFile(file, []byte("{\"a\": 1}\n"), 0o644))
	need.NoError(t, oci.Artifact(artifact, image, "application/spdx+json", file))
	return image, artifact, opened.Digest
}

func repository(t *testing.T, s string) name.Repository {
	t.Helper()
	r, err := name.NewRepository(s)
	need.NoError(t, err)
	return r
}

// server starts a registry on loopback, wrapped, and returns its host and port.
func server(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
	s := httptest.NewServer(wrap(handler))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// The index goes by its digest first, then what refers to it, and the tags come last. What clients get back is for tests/registry.
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
	err := push(t.Context(), options{image: layout, repository: host + "/team/pause", tags: []string{"1.0", "latest"}, referrers: []string{artifact}}, &out)
	need.NoError(t, err)
	at := slices.Index(manifests, digest)
	if at < 0 || !slices.Equal(manifests[len(manifests)-2:], []string{"1.0", "latest"}) || at != len(manifests)-4 {
		t.Errorf("manifests were put in the order %v", manifests)
	}
	attached, err := open(artifact)
	need.NoError(t, err)
	prefix := host + "/team/pause"
	for _, line := range []string{
		"pushed " + prefix + "@" + digest + " (the image)",
		"pushed " + prefix + "@" + attached.digest + " (attached to the image: application/spdx+json)",
		"tagged " + prefix + ":latest",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("the output lacks %q:\n%s", line, &out)
		}
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
	need.NoError(t, err)
	nobody := l.Addr().String()
	need.NoError(t, l.Close())
	other := imagetest.Layout(t, imagetest.Image(t, v1.ConfigFile{OS: "linux", Architecture: "arm"}))
	saying := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"two\nlines\u001b[31m\u202e of it"},{"code":"DENIED","message":"more\r"}]}`)
		})
	}
	for what, c := range map[string]struct {
		o    options
		want string
	}{
		"lines":            {options{image: layout, repository: server(t, saying) + "/p"}, "(HTTP 400): two lines [31m of it: more"},
		"nobody listens":   {options{image: layout, repository: nobody + "/p"}, "cannot be reached"},
		"not logged in":    {options{image: layout, repository: server(t, answer(http.StatusUnauthorized)) + "/p"}, "docker login"},
		"forbidden":        {options{image: layout, repository: server(t, answer(http.StatusForbidden)) + "/p"}, "docker login"},
		"no registry":      {options{image: layout, repository: server(t, answer(http.StatusNotFound)) + "/p"}, "HTTP 404"},
		"tag in the name":  {options{image: layout, repository: "localhost:1/p:latest"}, "without tag and digest"},
		"bad tag":          {options{image: layout, repository: "localhost:1/p", tags: []string{"a b"}}, "tag \"a b\""},
		"no layout":        {options{image: t.TempDir(), repository: "localhost:1/p"}, "index.json: no such file"},
		"foreign referrer": {options{image: other, repository: "localhost:1/p", referrers: []string{artifact}}, "its subject is"},
	} {
		err := push(t.Context(), c.o, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the message is %v; it should be one line about %q", what, err, c.want)
		}
	}
}

// A damaged blob is refused, whichever it is, and no tag is set.
func TestPushDamaged(t *testing.T) {
	image, _, _ := index(t)
	blobs, err := filepath.Glob(filepath.Join(image, "blobs", "sha256", "*"))
	if err != nil || len(blobs) < 3 {
		t.Fatal(blobs, err)
	}
	for _, blob := range blobs {
		content, err := os.ReadFile(blob)
		need.NoError(t, err)
		damaged := bytes.Clone(content)
		damaged[len(damaged)-2]++
		need.NoError(t, os.WriteFile(blob, damaged, 0o644))
		host := server(t, func(next http.Handler) http.Handler { return next })
		err = push(t.Context(), options{image: image, repository: host + "/p", tags: []string{"latest"}}, io.Discard)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v; want one line", blob, err)
		}
		if _, err := remote.Head(repository(t, host+"/p").Tag("latest")); err == nil {
			t.Errorf("%s is damaged, and there is a tag", blob)
		}
		need.NoError(t, os.WriteFile(blob, content, 0o644))
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
	o := options{image: layout, repository: "registry.example.com/p"}
	err := push(t.Context(), o, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "registry.example.com speaks HTTP without TLS; --insecure allows it") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	o.insecure = true
	if err := push(t.Context(), o, io.Discard); err != nil {
		t.Errorf("with --insecure: %v", err)
	}
}

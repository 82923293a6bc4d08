// Package registry runs container registries on loopback, for tests: the real thing, watched.
package registry

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
)

// Options say what a registry is like. The zero value is an open one of OCI distribution-spec 1.1.
type Options struct {
	// NoReferrers leaves out the referrers API, as registries of distribution-spec 1.0 do.
	NoReferrers bool
	// User and Password are asked for, by HTTP basic authentication, unless both are empty.
	User, Password string
	// PullOnly answers 403 to whatever would change the registry.
	PullOnly bool
}

// Server is a registry on 127.0.0.1, at a port that was free.
type Server struct {
	// Host is where it listens, as host:port. There is no TLS, as is usual on loopback.
	Host string

	mu   sync.Mutex
	seen []string
}

// Start runs a registry until the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	handler := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(!o.NoReferrers))
	s := &Server{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.User+o.Password != "" {
			if user, password, _ := r.BasicAuth(); user != o.User || password != o.Password {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
				return
			}
		}
		if o.PullOnly && r.Method != http.MethodGet && r.Method != http.MethodHead {
			refuse(w, http.StatusForbidden, "DENIED")
			return
		}
		recorded := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		handler.ServeHTTP(recorded, r)
		if recorded.status < 300 {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.seen = append(s.seen, r.Method+" "+r.URL.Path)
		}
	}))
	t.Cleanup(server.Close)
	s.Host = strings.TrimPrefix(server.URL, "http://")
	return s
}

// refuse answers with an error as distribution-spec writes them.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"errors":[{"code":"`+code+`","message":"not for you"}]}`)
}

// Uploads returns what has been stored, in order: "blob" for a blob, and the path's end, a digest or a tag, for a manifest.
func (s *Server) Uploads() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var uploads []string
	for _, request := range s.seen {
		method, path, _ := strings.Cut(request, " ")
		_, reference, manifest := strings.Cut(path, "/manifests/")
		switch {
		case method == http.MethodPut && manifest:
			uploads = append(uploads, reference)
		case (method == http.MethodPut || method == http.MethodPost) && strings.Contains(path, "/blobs/uploads"):
			uploads = append(uploads, "blob")
		}
	}
	return uploads
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

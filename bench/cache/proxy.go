package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// A fault is what a proxy does to requests instead of passing them on.
type fault int

const (
	healthy fault = iota
	answer500
	cutConnection // in the middle of the answer
	cutUpload     // in the middle of what is to be stored; other requests pass
	noAnswer      // until Bazel gives up
)

// A proxy stands between Bazel and the cache: it counts, and it does what caches do on bad days.
type proxy struct {
	url string // where Bazel finds it

	server  *http.Server
	forward *httputil.ReverseProxy

	mu    sync.Mutex
	fault fault
	// after is how many requests pass before the fault begins; then before is called once, if set.
	after  int
	before func()
	stats  traffic
}

// traffic is what went through a proxy.
type traffic struct {
	requests int
	found    int   // GET that had an answer
	missed   int   // GET that had none
	stored   int   // PUT that was accepted
	refused  int   // PUT that was not
	puts     int   // PUT in all
	down, up int64 // bytes of bodies, to and from Bazel
	faults   int   // requests that a fault met, or that the cache behind could not be asked
}

// startProxy starts a proxy on a free port of the loopback interface, in front of the server at target.
func startProxy(target string) (*proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{url: "http://" + listener.Addr().String()}
	p.forward = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: p.count,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			p.mu.Lock()
			p.stats.faults++
			p.mu.Unlock()
			// Bazel is to see what it would see without a proxy: no answer of HTTP, but a connection that breaks.
			panic(http.ErrAbortHandler)
		},
	}
	p.server = &http.Server{Handler: p}
	go p.server.Serve(listener) //nolint:errcheck // it ends with Close
	return p, nil
}

// Close ends the proxy and every connection.
func (p *proxy) Close() error { return p.server.Close() }

// inject lets a fault begin after so many requests, counts from zero again, and calls before as it begins.
func (p *proxy) inject(f fault, after int, before func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.after, p.before, p.stats = f, after, before, traffic{}
}

// seen returns the traffic since inject.
func (p *proxy) seen() traffic {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.stats.requests++
	if r.Method == http.MethodPut {
		p.stats.puts++
	}
	now := healthy
	if p.stats.requests > p.after {
		now = p.fault
		if p.before != nil {
			p.before()
			p.before = nil
		}
	}
	if now == cutUpload && r.Method != http.MethodPut {
		now = healthy
	}
	if now != healthy && now != cutUpload { // which is counted as it breaks
		p.stats.faults++
	}
	p.mu.Unlock()
	r.Body = &counted{ReadCloser: r.Body, add: func(n int) { p.mu.Lock(); p.stats.up += int64(n); p.mu.Unlock() }}
	switch now {
	case answer500:
		w.WriteHeader(http.StatusInternalServerError)
	case cutConnection:
		// More is promised than is sent.
		w.Header().Set("Content-Length", "1000000")
		w.WriteHeader(http.StatusOK)
		w.Write([]byte("half an ans")) //nolint:errcheck // the connection is given up anyway
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	case noAnswer:
		io.Copy(io.Discard, r.Body) //nolint:errcheck // that Bazel goes away is noticed only once the body is read
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case cutUpload:
		r.Body = &broken{ReadCloser: r.Body, left: r.ContentLength / 2}
		p.forward.ServeHTTP(w, r)
	default:
		p.forward.ServeHTTP(w, r)
	}
}

// broken is a body of a request that fails after so many bytes.
type broken struct {
	io.ReadCloser
	left int64
}

func (b *broken) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// count keeps the books of one answer.
func (p *proxy) count(r *http.Response) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	ok := r.StatusCode < 300
	switch {
	case r.Request.Method == http.MethodPut && ok:
		p.stats.stored++
	case r.Request.Method == http.MethodPut:
		p.stats.refused++
	case ok:
		p.stats.found++
	default:
		p.stats.missed++
	}
	r.Body = &counted{ReadCloser: r.Body, add: func(n int) { p.mu.Lock(); p.stats.down += int64(n); p.mu.Unlock() }}
	return nil
}

// counted calls add with the number of bytes of each read.
type counted struct {
	io.ReadCloser
	add func(n int)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.add(n)
	return n, err
}

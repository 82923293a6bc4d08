package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// A proxy stands between Bazel and the cache: it counts, and it does what caches do on bad days.
type proxy struct {
	url     string // where Bazel finds it
	server  *http.Server
	forward *httputil.ReverseProxy

	mu    sync.Mutex
	fault http.HandlerFunc // is called instead of passing requests on; nil passes all
	after int              // how many requests pass before the fault begins
	// Since inject: requests in all, PUTs among them, and requests that met the fault.
	requests, puts, faults int
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
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		// Bazel is to see what it would see without a proxy: no answer of HTTP, but a connection that breaks.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.server = &http.Server{Handler: p}
	go p.server.Serve(listener) //nolint:errcheck // it ends with Close
	return p, nil
}

// Close ends the proxy and every connection.
func (p *proxy) Close() error { return p.server.Close() }

// inject lets a fault begin after so many requests, and counts from zero again.
func (p *proxy) inject(fault http.HandlerFunc, after int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.after, p.requests, p.puts, p.faults = fault, after, 0, 0, 0
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests++
	if r.Method == http.MethodPut {
		p.puts++
	}
	serve := p.forward.ServeHTTP
	if p.fault != nil && p.requests > p.after {
		p.faults++
		serve = p.fault
	}
	p.mu.Unlock()
	serve(w, r)
}

func answer500(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }

// cutAnswer promises more than it sends.
func cutAnswer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000000")
	w.Write([]byte("half an ans"))        //nolint:errcheck // the connection is given up anyway
	http.NewResponseController(w).Flush() //nolint:errcheck // the same
	panic(http.ErrAbortHandler)
}

// noAnswer waits until Bazel gives up.
func noAnswer(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) //nolint:errcheck // that Bazel goes away is noticed only once the body is read
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// exchange starts a proxy in front of a cache that has everything and takes everything.
func exchange(t *testing.T) *proxy {
	t.Helper()
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			io.Copy(io.Discard, r.Body) //nolint:errcheck // the test reads what was counted
			w.WriteHeader(http.StatusCreated)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/missing") {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, "content") //nolint:errcheck // the test reads it
	}))
	t.Cleanup(cache.Close)
	p, err := startProxy(cache.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// get returns the status and the body; err is that of reading the body.
func get(t *testing.T, url string) (int, string, error) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

// What goes through unharmed is passed on and counted.
func TestProxyPassesOnAndCounts(t *testing.T) {
	p := exchange(t)
	if status, body, err := get(t, p.url+"/cas/1"); status != 200 || body != "content" || err != nil {
		t.Errorf("got %d %q %v", status, body, err)
	}
	get(t, p.url+"/ac/missing") //nolint:errcheck // only counted
	request, err := http.NewRequest(http.MethodPut, p.url+"/cas/2", strings.NewReader("12345"))
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := http.DefaultClient.Do(request); err != nil || answer.StatusCode != http.StatusCreated {
		t.Errorf("PUT: %v %v", answer, err)
	}
	got := p.seen()
	if got.found != 1 || got.missed != 1 || got.puts != 1 || got.stored != 1 || got.up != 5 || got.faults != 0 {
		t.Errorf("counted %+v", got)
	}
}

// A fault begins after the given number of requests, not before, and calls what it was given once.
func TestFaultsBeginWhenTold(t *testing.T) {
	p := exchange(t)
	calls := 0
	p.inject(answer500, 2, func() { calls++ })
	var statuses []int
	for range 4 {
		status, _, _ := get(t, p.url+"/cas/1")
		statuses = append(statuses, status)
	}
	if statuses[1] != 200 || statuses[2] != 500 || statuses[3] != 500 || calls != 1 || p.seen().faults != 2 {
		t.Errorf("statuses %v, %d calls, %+v", statuses, calls, p.seen())
	}
}

// A cut connection ends in the middle of an answer that began well.
func TestCutConnectionsEndInTheMiddle(t *testing.T) {
	p := exchange(t)
	p.inject(cutConnection, 0, nil)
	status, body, err := get(t, p.url+"/cas/1")
	if status != 200 || body == "" || err == nil {
		t.Errorf("got %d %q, error %v; expected half an answer", status, body, err)
	}
}

// An upload that is cut reaches the cache in part, the sender learns that it failed, and what is read passes.
func TestUploadIsCut(t *testing.T) {
	p := exchange(t)
	p.inject(cutUpload, 0, nil)
	request, err := http.NewRequest(http.MethodPut, p.url+"/cas/2", strings.NewReader("12345678"))
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := http.DefaultClient.Do(request); err == nil {
		answer.Body.Close()
		t.Errorf("PUT: got %s, want a broken connection", answer.Status)
	}
	if status, body, err := get(t, p.url+"/cas/1"); status != 200 || body != "content" || err != nil {
		t.Errorf("got %d %q %v", status, body, err)
	}
	if s := p.seen(); s.faults != 1 || s.stored != 0 || s.up != 4 {
		t.Errorf("got %+v", s)
	}
}

// Where no answer comes, it is the client that gives up.
func TestNoAnswer(t *testing.T) {
	p := exchange(t)
	p.inject(noAnswer, 0, nil)
	client := http.Client{Timeout: 50 * time.Millisecond}
	if answer, err := client.Get(p.url + "/cas/1"); err == nil {
		answer.Body.Close()
		t.Errorf("got %s", answer.Status)
	}
	if s := p.seen(); s.faults != 1 {
		t.Errorf("got %+v", s)
	}
}

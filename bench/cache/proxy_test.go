package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// exchange starts a proxy in front of a cache that has everything and takes everything.
func exchange(t *testing.T) *proxy {
	t.Helper()
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
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

// ask returns the status and the body; err is that of reading the body.
func ask(t *testing.T, method, url string) (int, string, error) {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader("12345"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

// What goes through unharmed is passed on and counted; a fault begins after the given number of requests, not before.
func TestFaultsBeginWhenTold(t *testing.T) {
	p := exchange(t)
	p.inject(answer500, 2)
	var statuses []int
	for _, method := range []string{"GET", "PUT", "GET", "GET"} {
		status, _, _ := ask(t, method, p.url+"/cas/1")
		statuses = append(statuses, status)
	}
	if !slices.Equal(statuses, []int{200, 200, 500, 500}) || p.faults != 2 || p.puts != 1 {
		t.Errorf("statuses %v, %d faults, %d PUTs", statuses, p.faults, p.puts)
	}
}

// A cut answer begins well, and ends in the middle.
func TestCutAnswer(t *testing.T) {
	p := exchange(t)
	p.inject(cutAnswer, 0)
	status, body, err := ask(t, "GET", p.url+"/cas/1")
	if status != 200 || body == "" || err == nil {
		t.Errorf("got %d %q, error %v; expected half an answer", status, body, err)
	}
}

// Where no answer comes, it is the client that gives up.
func TestNoAnswer(t *testing.T) {
	p := exchange(t)
	p.inject(noAnswer, 0)
	client := http.Client{Timeout: 50 * time.Millisecond}
	if answer, err := client.Get(p.url + "/cas/1"); err == nil {
		answer.Body.Close()
		t.Errorf("got %s", answer.Status)
	}
	if p.faults != 1 {
		t.Errorf("%d faults", p.faults)
	}
}

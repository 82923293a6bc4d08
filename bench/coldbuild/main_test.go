package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/pause/bench/lib"
)

// The table has medians, and the ratio of each build to the first.
func TestTable(t *testing.T) {
	var out strings.Builder
	err := lib.Table(&out, table([]build{
		{name: "ours", target: "//a", actions: 70, cold: []float64{30, 10, 20}, idle: []float64{0.5, 0.7, 0.6}, edited: []float64{3}},
		{name: "theirs", target: "//b", actions: 50, cold: []float64{40, 41, 90}, idle: []float64{0.25}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := `
build   target  actions  cold, s  times the first  nothing to do, s  edit, s
ours       //a       70     20.0             1.00              0.60      3.0
theirs     //b       50     41.0             2.05              0.25        -
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got%swant%s", got, want)
	}
}

// An edit changes the program's source, and one that changes nothing is an error.
func TestEdit(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pause", "pause.go")
	if err := os.Mkdir(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("\teINTR   = 4\n\teCHILD  = 10\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := edit(dir, 11); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(file); string(content) != "\teINTR   = 4\n\teCHILD  = 11\n" {
		t.Errorf("got %q", content)
	}
	if err := edit(dir, 11); err == nil {
		t.Error("an edit that changes nothing: no error")
	}
}

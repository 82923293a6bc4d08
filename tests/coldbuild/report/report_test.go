package report_test

import (
	"strings"
	"testing"

	"example.com/pause/tests/coldbuild/report"
)

// The table has medians, and the ratio of the first build to the last.
func TestWrite(t *testing.T) {
	r := report.Report{Machine: "a machine", Rounds: 3, Builds: []report.Build{
		{Name: "ours", Target: "//a", Actions: 70, Cold: []float64{30, 10, 20}, Idle: []float64{0.5, 0.7}},
		{Name: "theirs", Target: "//b", Actions: 50, Cold: []float64{40, 41, 90}, Idle: []float64{0.25}},
	}}
	var out strings.Builder
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	want := `
a machine; medians of 3

build   target  actions  cold, s  nothing to do, s
ours       //a       70     20.0              0.60
theirs     //b       50     41.0              0.25

ratio                       0.49
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got%swant%s", got, want)
	}
}

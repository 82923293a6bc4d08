package report_test

import (
	"testing"

	"example.com/pause/bench/coldbuild/report"
	"example.com/pause/bench/lib/machine"
	"example.com/pause/bench/lib/record/recordtest"
)

// The table has medians, and the ratio of the first build to the last.
func TestReport(t *testing.T) {
	r := report.Report{
		State:  machine.State{Machine: machine.Machine{Kernel: "6.1", Architecture: "amd64", CPUs: 2, MemoryKB: 2048}, Load: "0.10"},
		Rounds: 3,
		Builds: []report.Build{
			{Name: "ours", Target: "//a", Actions: 70, Cold: []float64{30, 10, 20}, Idle: []float64{0.5, 0.7}},
			{Name: "theirs", Target: "//b", Actions: 50, Cold: []float64{40, 41, 90}, Idle: []float64{0.25}},
		},
	}
	recordtest.Check(t, r, `
Linux 6.1, amd64, 2 CPUs, 2 MB, load 0.10; medians of 3

build   target  actions  cold, s  nothing to do, s
ours       //a       70     20.0              0.60
theirs     //b       50     41.0              0.25

ratio                       0.49
`, report.Parse)
	if _, err := report.Parse([]byte(`{"builds": [{"name": "ours"}]}`)); err == nil {
		t.Error("a build without a time: read")
	}
}

package report_test

import (
	"testing"

	"example.com/pause/bench/cache/report"
	"example.com/pause/bench/lib/machine"
	"example.com/pause/bench/lib/record/recordtest"
)

// The text has a line for each build, which says so if its digest is another; that of the stored JSON is the same.
func TestText(t *testing.T) {
	r := report.Report{
		State:  machine.State{Machine: machine.Machine{Kernel: "6.1", Architecture: "amd64", CPUs: 2, MemoryKB: 2048}, Load: "0.10"},
		Digest: "sha256:1",
		Builds: []report.Build{
			{Title: "first", Seconds: 114.23, Executed: 70, MBUp: 263.5, Puts: 727, SameDigest: true},
			{Title: "second", Seconds: 29.4, Hits: 70, MBDown: 263.42, Faults: 3},
		},
	}
	recordtest.Check(t, r, `
Linux 6.1, amd64, 2 CPUs, 2 MB, load 0.10

build                                   seconds  hits   run  MB down    MB up   PUTs  faults
first                                     114.2     0    70     0.00   263.50    727       0  same digest
second                                     29.4    70     0   263.42     0.00      0       3  ANOTHER DIGEST
`, report.Parse)
}

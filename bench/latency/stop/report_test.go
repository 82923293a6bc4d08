package stop_test

import (
	"testing"
	"time"

	"example.com/pause/bench/latency/stop"
	"example.com/pause/bench/lib/machine"
	"example.com/pause/bench/lib/record/recordtest"
)

// The report shows medians, and how they compare with the first; so does the one that was stored as JSON.
func TestReport(t *testing.T) {
	r := stop.Report{
		State: machine.State{Machine: machine.Machine{Kernel: "6.1", Architecture: "amd64", CPUs: 2, MemoryKB: 2048}, Load: "0.10"},
		Programs: []stop.Summary{
			stop.Summarize("pause", []time.Duration{100 * time.Microsecond}, 0, 1, 8<<10, 405),
			stop.Summarize("ordinary Go", []time.Duration{time.Millisecond, 2 * time.Millisecond}, 1, 6, 2<<20, 1_600_000),
			stop.Summarize("never", nil, 3, 1, 4<<10, 500),
		},
	}
	recordtest.Check(t, r, `
Linux 6.1, amd64, 2 CPUs, 2 MB, load 0.10

SIGTERM to exit, as PID 1  runs  failed  median us  95 % us  times the first  threads  RSS kB
pause                         1       0        100      100             1.00        1       8
ordinary Go                   3       1      1,000    2,000            10.00        6   2,048
never                         3       3          0        0                -        1       4
`, stop.Parse)
}

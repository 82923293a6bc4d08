//go:build linux

package stop_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"example.com/pause/tests/latency/stop"
	"example.com/pause/tests/pid1"
	"example.com/pause/tests/targets"
)

func TestMain(m *testing.M) {
	pid1.Main()
	os.Exit(m.Run())
}

// A percentile is a duration that was measured: the smallest that enough others do not exceed.
func TestPercentile(t *testing.T) {
	took := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for percent, want := range map[int]time.Duration{0: 1, 10: 1, 11: 2, 50: 5, 95: 10, 100: 10} {
		if got := stop.Percentile(took, percent); got != want {
			t.Errorf("%d %%: got %d; want %d", percent, got, want)
		}
	}
	if got := stop.Percentile(nil, 50); got != 0 {
		t.Errorf("of nothing: got %d; want 0", got)
	}
}

// The table shows medians, and how they compare with the first.
func TestWriteTable(t *testing.T) {
	var out strings.Builder
	results := []stop.Result{
		{Program: stop.Program{Name: "pause"}, Took: []time.Duration{100 * time.Microsecond}, Threads: 1, RSS: 8 << 10},
		{Program: stop.Program{Name: "ordinary Go"}, Took: []time.Duration{time.Millisecond, 2 * time.Millisecond}, Failed: 1, Threads: 6, RSS: 2 << 20},
	}
	if err := stop.WriteTable(&out, results); err != nil {
		t.Fatal(err)
	}
	want := `
SIGTERM to exit, as PID 1  runs  failed  median us  95 % us  times the first  threads  RSS kB
pause                         1       0        100      100             1.00        1       8
ordinary Go                   3       1      1,000    2,000            10.00        6   2,048
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got%swant%s", got, want)
	}
}

// The program for this machine ends with status 0 in every run, and is seen as it is: one thread.
func TestMeasure(t *testing.T) {
	host, ok := targets.Host()
	if !ok {
		t.Skip("skipped: pause is not built for the architecture of this machine")
	}
	pid1.Available(t)
	turns := 0
	results, err := stop.Measure([]stop.Program{{Name: "pause", Path: host.Binary(t)}}, 3, func(turn int) { turns = turn })
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; len(r.Took) != 3 || r.Failed != 0 || r.Threads != 1 || r.RSS == 0 || turns != 3 {
		t.Errorf("got %+v after %d turns; want 3 runs of a single thread, and none failed", r, turns)
	}
}

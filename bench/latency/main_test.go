package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"example.com/pause/bench/lib"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pid1"
	"example.com/pause/tests/lib/targets"
)

func TestMain(m *testing.M) {
	pid1.Main()
	os.Exit(m.Run())
}

// The program for this machine ends with status 0 in every run, and is seen as it is: one thread.
func TestMeasure(t *testing.T) {
	host, ok := targets.Host()
	need.That(t, ok, "pause is not built for the architecture of this machine")
	pid1.Available(t)
	programs := []program{{name: "pause", path: host.Binary(t)}}
	need.NoError(t, measure(t.Context(), programs, 3))
	if p := programs[0]; len(p.took) != 3 || p.failed != 0 || p.threads != 1 || p.rss == 0 {
		t.Errorf("got %+v; want 3 runs of a single thread, and none failed", p)
	}
}

// The table shows medians, and how they compare with the first.
func TestTable(t *testing.T) {
	var out strings.Builder
	err := lib.Table(&out, table([]program{
		{name: "pause", took: []time.Duration{100 * time.Microsecond}, threads: 1, rss: 8 << 10},
		{name: "ordinary Go", took: []time.Duration{2 * time.Millisecond, time.Millisecond}, failed: 1, threads: 6, rss: 2 << 20},
		{name: "never", failed: 3, threads: 1, rss: 4 << 10},
	}))
	need.NoError(t, err)
	want := `
SIGTERM to exit, as PID 1  runs  failed  median us  95 % us  times the first  threads  RSS kB
pause                         1       0        100      100             1.00        1       8
ordinary Go                   3       1      1,000    2,000            10.00        6   2,048
never                         3       3          0        0                -        1       4
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got%swant%s", got, want)
	}
}

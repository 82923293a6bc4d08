package lib

import (
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

// What /proc says is in the description; a CPU without a name is left out. Where there is no /proc, or none of Linux,
// nothing is made up.
func TestMachine(t *testing.T) {
	files := fstest.MapFS{
		"proc/sys/kernel/osrelease": {Data: []byte("6.1.2-3\n")},
		"proc/meminfo":              {Data: []byte("MemTotal:       16384 kB\nMemFree: 1 kB\n")},
		"proc/cpuinfo":              {Data: []byte("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nprocessor\t: 1\nmodel name\t: other\n")},
		"proc/loadavg":              {Data: []byte("0.25 0.20 0.10 1/100 4711\n")},
	}
	check := func(wants ...string) {
		t.Helper()
		got, err := machine(files)
		for _, want := range wants {
			if err != nil || !strings.Contains(got, want) {
				t.Errorf("got %q, %v; want %q in it", got, err, want)
			}
		}
	}
	check("Linux 6.1.2-3, "+runtime.GOARCH+", ", " CPUs (Some CPU @ 2 GHz), 16 MB, load 0.25")
	delete(files, "proc/cpuinfo")
	check(" CPUs, 16 MB, ")
	files["proc/meminfo"].Data = []byte("MemTotal: much\n")
	if got, err := machine(files); err == nil {
		t.Errorf("with odd memory: %q", got)
	}
	if got, err := machine(fstest.MapFS{}); err == nil {
		t.Errorf("without /proc: %q", got)
	}
}

// A percentile is a value that was measured: the nearest rank.
func TestPercentile(t *testing.T) {
	for _, test := range []struct {
		values []int
		want   map[float64]int
	}{
		{[]int{50, 15, 20, 40, 35}, map[float64]int{0: 15, 5: 15, 20: 15, 30: 20, 40: 20, 50: 35, 99: 50, 100: 50}},
		{[]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, map[float64]int{10: 1, 11: 2, 50: 5, 95: 10, 100: 10}},
		{nil, map[float64]int{50: 0}},
	} {
		for percent, want := range test.want {
			if got := Percentile(test.values, percent); got != want {
				t.Errorf("%v %% of %v: got %d; want %d", percent, test.values, got, want)
			}
		}
	}
	if got := Median([]int{3, 1, 2}); got != 2 {
		t.Errorf("median: got %d; want 2", got)
	}
}

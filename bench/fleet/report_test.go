package main

import (
	"strings"
	"testing"
	"time"

	"example.com/pause/tests/lib/need"
)

// Starts are summed up; of none there are no figures, and no division by zero.
func TestNewStart(t *testing.T) {
	var latencies []time.Duration
	for i := range 100 {
		latencies = append(latencies, time.Duration(100-i)*time.Millisecond)
	}
	for _, test := range []struct {
		latencies []time.Duration
		want      Start
	}{{latencies, Start{2, 50, 99, 50}}, {nil, Start{Seconds: 2}}} {
		if got := NewStart(2*time.Second, test.latencies); got != test.want {
			t.Errorf("of %d: got %+v; want %+v", len(test.latencies), got, test.want)
		}
	}
}

func sample() Report {
	run := func(name string, netns bool, kb float64) Run {
		return Run{
			Name: name, Engine: "crun version 1", Count: 10, Netns: netns, BinaryBytes: int64(kb), Threads: int(kb),
			Start: Start{Seconds: 1}, StopSeconds: 0.1,
			Memory: Cost{Available: kb, Components: map[string]float64{"AnonPages": kb / 2, "KernelStack": 1.23456}},
		}
	}
	failed := run("pause", true, 300)
	failed.Failures, failed.FailureMessages = 1, []string{"pause-7: it did not work"}
	return Report{Machine: "a machine", Runs: []Run{run("pause", false, 100), run("ordinary Go", false, 850), failed}}
}

// text returns what r shows, with blanks as one.
func text(t *testing.T, r Report) string {
	t.Helper()
	var out strings.Builder
	need.NoError(t, r.Text(&out))
	return strings.Join(strings.Fields(out.String()), " ")
}

// The text has a column for each run, its failures, and ratios between those that were measured alike only. Memory that was
// measured while it moved is marked, and the mark is explained.
func TestText(t *testing.T) {
	r := sample()
	got := text(t, r)
	for _, want := range []string{
		"a machine", "isolation - - netns", "memory each, kB 100.0 850.0 300.0 of it", "of it AnonPages 50.0 425.0 150.0",
		"ordinary Go / pause 8.50 8.50", "pause, isolation netns (10): pause-7: it did not work",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, " / pause"); n != 1 || strings.Contains(got, "*") {
		t.Errorf("%d ratios, want 1, and no mark, in\n%s", n, got)
	}
	r.Runs[1].Unsettled = true
	got = text(t, r)
	for _, want := range []string{"100.0 850.0 * 300.0", "*: ", "ordinary Go / pause 8.50 - - 8.50"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// Less memory than page tables and stacks take cannot be.
func TestImpossible(t *testing.T) {
	for kb, want := range map[float64]bool{-7.8: true, 1.2: true, 30: false} {
		if got := (Cost{kb, map[string]float64{"KernelStack": 16, "PageTables": 8}}).impossible(); got != want {
			t.Errorf("%v kB: got %v", kb, got)
		}
	}
}

// Of pods, the text has the parts, which add up.
func TestTextOfPods(t *testing.T) {
	r := sample()
	for i := range r.Runs {
		kb := r.Runs[i].Memory.Available
		r.Runs[i].Pod = &Pod{Pause: kb / 100, Shim: kb / 2, Containerd: 40}
	}
	want := "of it the pause process 1.0 8.5 3.0 of it the shim 50.0 425.0 150.0 of it containerd 40.0 40.0 40.0 of it the kernel 9.0 376.5 107.0"
	if got := text(t, r); !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

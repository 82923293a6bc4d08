package main

import (
	"strings"
	"testing"
	"time"
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
	if err := r.Text(&out); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

// The text has a column for each run, its failures, and ratios between those that were measured alike only. Memory that was
// measured while it moved is marked, and the mark is explained.
func TestText(t *testing.T) {
	r := sample()
	got := text(t, r)
	for _, want := range []string{
		"a machine", "isolation - - netns", "memory each, kB 100.0 850.0 300.0 of it", "of it AnonPages 50.0 425.0 150.0",
		"ordinary Go / pause 8.50", "pause, netns (10): pause-7: it did not work",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, " / pause"); n != 1 || strings.Contains(got, "*") {
		t.Errorf("%d ratios, want 1, and no mark, in\n%s", n, got)
	}
	r.Runs[1].Unsettled = true
	if got := text(t, r); !strings.Contains(got, "100.0 850.0 * 300.0") || !strings.Contains(got, "*: ") {
		t.Errorf("no mark, or no note, in\n%s", got)
	}
}

// What is lost in the noise makes no ratio, whichever of the two it is; what is not keeps its own.
func TestTextHasNoRatiosOfNoise(t *testing.T) {
	for name, test := range map[string]struct {
		pause, other float64 // kB a container
		want         string  // the ratio of memory
	}{
		"both there":             {100, 850, "8.50"},
		"negative":               {100, -7.8, "-"},
		"less than its stacks":   {100, 1.2, "-"},
		"the base negative":      {-3, 850, "-"},
		"the base under its own": {1, 850, "-"},
	} {
		r := sample()
		r.Runs = r.Runs[:2]
		r.Runs[0].Memory.Available, r.Runs[1].Memory.Available = test.pause, test.other
		r.Runs[1].StopSeconds = 0 // and so is what took no time
		got := text(t, r)
		if want := "ordinary Go / pause 8.50 " + test.want + " - 8.50 1.00 -"; !strings.Contains(got, want) {
			t.Errorf("%s: no %q in %s", name, want, got)
		}
		if noted := strings.Contains(got, "-: no ratio"); noted != (test.want == "-") {
			t.Errorf("%s: the note is there: %v; in\n%s", name, noted, got)
		}
	}
}

// Of pods, the text has the parts, which add up, and says how much of a pod each is and what another program adds, compared
// with the image on the same network.
func TestTextOfPods(t *testing.T) {
	r := sample()
	r.Runs = append(r.Runs[:2], r.Runs[0], r.Runs[1])
	for i, kb := range []float64{1000, 1100, 2000, 2200} {
		r.Runs[i].Memory.Available, r.Runs[i].Netns = kb, i > 1
		r.Runs[i].Pod = &Pod{Pause: kb / 100, Shim: kb / 2, Containerd: 40}
	}
	got := text(t, r)
	for _, want := range []string{
		"of it the pause process 10.0 11.0 20.0 22.0 of it the shim 500.0 550.0 1000.0 1100.0 of it containerd 40.0 40.0 40.0 40.0 of it the kernel 450.0 499.0 940.0 1038.0",
		"A pod with the node's network takes 1000 kB. The pause process is 10 kB (1.0 %) of it, its shim 500 kB (50.0 %), containerd 40 kB (4.0 %), the kernel 450 kB (45.0 %). " +
			"With ordinary Go in place of the image it takes +100 kB (+10.0 %).",
		"A pod with a network of its own takes 2000 kB.",
		"With ordinary Go in place of the image it takes +200 kB (+10.0 %).",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	r.Runs[3].Unsettled = true
	if got := text(t, r); strings.Contains(got, "A pod with") {
		t.Errorf("shares of what was measured while it moved, in\n%s", got)
	}
}

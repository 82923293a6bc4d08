package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/pause/bench/fleet/meminfo"
	"example.com/pause/bench/lib/machine"
)

// All that started are in the rate, each in the interval in which it started, the last one too.
func TestStartCountsAll(t *testing.T) {
	var latencies, ends []time.Duration
	for i := range 100 {
		latencies = append(latencies, time.Duration(100-i)*time.Millisecond)
		end := time.Duration(i+1) * 10 * time.Millisecond // the first 50 in half a second
		if i >= 50 {
			end = time.Duration(i+1)*30*time.Millisecond - time.Second // the others in 1.5 s
		}
		ends = append(ends, end)
	}
	s := NewStart(2*time.Second, latencies, ends)
	if s.Seconds != 2 || s.MedianMS != 50 || s.P99MS != 99 || s.MaxMS != 100 || s.PerSecond != 50 {
		t.Errorf("got %+v", s)
	}
	total := 0.0
	for _, rate := range s.Rate {
		total += rate * s.Interval
	}
	if total < 99.9 || total > 100.1 {
		t.Errorf("%v containers in the rate, want 100", total)
	}
	if first, last := s.Rate[0], s.Rate[len(s.Rate)-1]; first < 90 || last > 40 {
		t.Errorf("rate %v: want about 100 at first and 33 at last", s.Rate)
	}
}

// A fleet of which nothing started has no figures, and no division by zero.
func TestStartOfNothing(t *testing.T) {
	if s := NewStart(time.Second, nil, nil); !reflect.DeepEqual(s, Start{Seconds: 1}) {
		t.Errorf("got %+v", s)
	}
}

func sample() Report {
	run := func(name string, netns bool, kb float64) Run {
		return Run{
			Name: name, Engine: "crun version 1", Count: 10, Netns: netns, BinaryBytes: int64(kb), Threads: int(kb),
			Start: Start{Seconds: 1, Rate: []float64{8, 12}, Interval: 0.5}, StopSeconds: 0.1,
			Memory: meminfo.Cost{Available: kb, Components: map[string]float64{"AnonPages": kb / 2, "KernelStack": 1.23456}},
		}
	}
	failed := run("pause", true, 300)
	failed.Failures, failed.FailureMessages = 1, []string{"pause-7: it did not work"}
	return Report{Machine: machine.Machine{Kernel: "6.1", CPUs: 2}, Runs: []Run{run("pause", false, 100), run("ordinary Go", false, 850), failed}}
}

// The text has a column for each run, its failures, and ratios between those that were measured alike only.
func TestTextHasRatios(t *testing.T) {
	var out strings.Builder
	if err := sample().Text(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ordinary Go / pause", "8.50", "pause, netns (10): pause-7: it did not work", "netns"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), " / pause"); n != 1 {
		t.Errorf("%d ratios, want 1, in\n%s", n, out.String())
	}
}

// Memory that was measured while it moved is marked, and the mark is explained.
func TestTextMarksWhatDidNotSettle(t *testing.T) {
	for _, unsettled := range []bool{false, true} {
		r := sample()
		r.Runs[1].Unsettled = unsettled
		var out strings.Builder
		if err := r.Text(&out); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(out.String()), " ")
		want := map[bool]string{false: "memory each, kB 100.0 850.0 300.0 of it", true: "memory each, kB 100.0 850.0 * 300.0 of it"}[unsettled]
		if !strings.Contains(text, want) || strings.Contains(text, "*: ") != unsettled {
			t.Errorf("unsettled: %v; want %q, and a note if so, in\n%s", unsettled, want, out.String())
		}
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
		var out strings.Builder
		if err := r.Text(&out); err != nil {
			t.Fatal(err)
		}
		_, table, _ := strings.Cut(out.String(), "ordinary Go / pause")
		fields := strings.Fields(table)
		if len(fields) < 6 || fields[0] != "8.50" || fields[1] != test.want || fields[4] != "1.00" || fields[5] != "-" {
			t.Errorf("%s: got %q; want memory %s, program 8.50, start 1.00 and no stop", name, fields, test.want)
		}
		if got := strings.Contains(out.String(), "\n-: no ratio"); got != (test.want == "-") {
			t.Errorf("%s: the note is there: %v; in\n%s", name, got, out.String())
		}
	}
}

// Text and plot of the JSON are those of the report that it was written from, to the last byte.
func TestShownAlikeFromJSON(t *testing.T) {
	r := sample()
	r.Runs[0].Memory.Available, r.Runs[0].Start.MedianMS = 88.44996, 5.04999
	r.Runs[0].Start.Rate = []float64{8.4, 11.6}
	r.Runs[1].Unsettled = true
	r.Runs[2].Cgroup = true // a plan needs one with both
	var data bytes.Buffer
	if err := r.JSON(&data); err != nil {
		t.Fatal(err)
	}
	again, err := Parse(data.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for name, show := range map[string]func(Report, io.Writer) error{
		"Text": Report.Text, "SVG": Report.SVG,
		"Plan": func(r Report, w io.Writer) error { return DefaultPlan.Text(w, r) },
	} {
		var first, second bytes.Buffer
		if err := errors.Join(show(r, &first), show(again, &second)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s: got\n%s\nfrom the JSON; want\n%s", name, second.String(), first.String())
		}
	}
}

// The plan takes the pause container of a pod, with its network namespace and cgroup, and adds up what is given.
func TestPlan(t *testing.T) {
	r := sample()
	pod := r.Runs[0]
	pod.Netns, pod.Cgroup, pod.Memory.Available, pod.Start.PerSecond = true, true, 300, 50
	// Neither is all that a pod has.
	half, other := pod, pod
	half.Netns, half.Memory.Available = false, 1
	other.Name = "another"
	r.Runs = append(r.Runs, pod, half, other)
	var out strings.Builder
	if err := (Plan{Pods: 250, PodsPerNode: 100, SchedulerRate: 10, SupervisorKB: 700, ContainerKB: 24}).Text(&out, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pause, netns+cgroup (10)", "1024 kB", "100 MB", "rounded up  ", " 3\n", "25 s\n", "2.0 s\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	for name, wrong := range map[string]Plan{"no pods": {PodsPerNode: 1, SchedulerRate: 1}, "no rate": {Pods: 1, PodsPerNode: 1}} {
		if err := wrong.Text(io.Discard, r); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// A bare container would be too good.
	if err := DefaultPlan.Text(io.Discard, sample()); err == nil || !strings.Contains(err.Error(), "--compare") {
		t.Errorf("a plan without network namespaces and cgroups: got %v", err)
	}
	if err := DefaultPlan.Text(io.Discard, Report{}); err == nil {
		t.Error("a plan from nothing")
	}
	if _, err := Parse([]byte(`{"runs": []}`)); err == nil {
		t.Error("read a report without a run")
	}
}

// What is written as JSON is read again, to three digits.
func TestJSONIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	want := sample()
	var out bytes.Buffer
	if err := want.JSON(&out); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Runs[0].Memory.Components["KernelStack"] != 1.235 || want.Runs[0].Memory.Components["KernelStack"] != 1.23456 {
		t.Errorf("got %+v from %+v", got.Runs[0].Memory, want.Runs[0].Memory)
	}
	if got.Runs[2].FailureMessages[0] != want.Runs[2].FailureMessages[0] || got.Runs[1].Start.Rate[1] != 12 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The plot is well-formed XML that shows every component that there is, and every run.
func TestSVGShowsEveryRun(t *testing.T) {
	var out bytes.Buffer
	if err := sample().SVG(&out); err != nil {
		t.Fatal(err)
	}
	var text []string
	for decoder := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := token.(xml.CharData); ok {
			text = append(text, strings.TrimSpace(string(data)))
		}
	}
	all := strings.Join(text, "\n")
	for _, want := range []string{"AnonPages", "KernelStack", "pause (10)", "ordinary Go (10)", "pause, netns (10)", "kB"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in the plot, which says:\n%s", want, all)
		}
	}
	if strings.Contains(all, "Percpu") {
		t.Error("a component that nothing has is in the legend")
	}
}

// Package report holds what a fleet measured, and shows it: as JSON, as text, and as a plot.
package report

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"example.com/pause/bench/fleet/meminfo"
	"example.com/pause/bench/lib/machine"
	"example.com/pause/bench/lib/percentile"
	"example.com/pause/bench/lib/record"
)

// Report is the outcome of one command.
type Report struct {
	Command string          `json:"command"` // the flags it was given
	Machine machine.Machine `json:"machine"`
	// Runs has the fleet that was asked for first, then those that it is compared with.
	Runs []Run `json:"runs"`
}

// Run is the outcome of one fleet.
type Run struct {
	Name        string `json:"name"`
	Engine      string `json:"engine"` // with its version
	Count       int    `json:"count"`
	Parallel    int    `json:"parallel"` // engines at a time
	Netns       bool   `json:"netns"`
	Cgroup      bool   `json:"cgroup"`
	Rootless    bool   `json:"rootless"`
	Load        string `json:"load"` // of the machine in the minute before, as in /proc/loadavg
	BinaryBytes int64  `json:"binary_bytes"`

	Start  Start        `json:"start"`
	Memory meminfo.Cost `json:"memory"` // of each container
	// Unsettled says that the machine's memory never came to rest around the fleet, so that Memory is that of others, too.
	Unsettled     bool    `json:"unsettled,omitempty"`
	RSSKB         int64   `json:"rss_kb"` // the median of all containers
	Processes     int     `json:"processes"`
	Threads       int     `json:"threads"`
	StopSeconds   float64 `json:"stop_seconds"`   // from the first SIGTERM until all have ended
	DeleteSeconds float64 `json:"delete_seconds"` // the engine's cleaning up, of all
	Failures      int     `json:"failures"`
	// FailureMessages are the first few.
	FailureMessages []string `json:"failure_messages,omitempty"`
}

// Start says how long starting took. A container has started when it sleeps.
type Start struct {
	Seconds   float64   `json:"seconds"` // of all
	MedianMS  float64   `json:"median_ms"`
	P99MS     float64   `json:"p99_ms"`
	MaxMS     float64   `json:"max_ms"`
	PerSecond float64   `json:"per_second"`
	Rate      []float64 `json:"rate"`         // containers a second, in each interval
	Interval  float64   `json:"rate_seconds"` // the length of an interval
}

// maxIntervals is how finely the rate is told.
const maxIntervals = 60

// NewStart sums up the latencies of all starts and when, since the first, each had started.
func NewStart(total time.Duration, latencies, ends []time.Duration) Start {
	s := Start{Seconds: total.Seconds()}
	if len(latencies) == 0 {
		return s
	}
	sorted := slices.Sorted(slices.Values(latencies))
	s.MedianMS, s.P99MS, s.MaxMS = ms(percentile.Of(sorted, 50)), ms(percentile.Of(sorted, 99)), ms(percentile.Of(sorted, 100))
	s.PerSecond = float64(len(ends)) / s.Seconds
	n := min(maxIntervals, max(1, len(ends)/20))
	s.Interval = s.Seconds / float64(n)
	s.Rate = make([]float64, n)
	for _, end := range ends {
		i := min(n-1, int(end.Seconds()/s.Interval))
		s.Rate[i] += 1 / s.Interval
	}
	return s
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Isolation names what each container of the run has beside the namespaces that all have.
func (r Run) Isolation() string {
	var parts []string
	if r.Netns {
		parts = append(parts, "netns")
	}
	if r.Cgroup {
		parts = append(parts, "cgroup")
	}
	return strings.Join(parts, "+")
}

// Label tells the run from the others of a report.
func (r Run) Label() string {
	label := r.Name
	if isolation := r.Isolation(); isolation != "" {
		label += ", " + isolation
	}
	return fmt.Sprintf("%s (%d)", label, r.Count)
}

// Text writes the report for people, with the digits that JSON keeps: a column for each run, ratios between those that were
// measured alike, and what failed.
func (r Report) Text(w io.Writer) error {
	r = r.rounded()
	fmt.Fprintf(w, "%s\n\n", r.Machine)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, value func(Run) string) {
		fmt.Fprint(table, name, "\t")
		for _, run := range r.Runs {
			fmt.Fprint(table, value(run), "\t")
		}
		fmt.Fprintln(table)
	}
	f := func(format string, value func(Run) any) func(Run) string {
		return func(run Run) string { return fmt.Sprintf(format, value(run)) }
	}
	row("", func(r Run) string { return r.Name })
	row("isolation", func(r Run) string {
		if i := r.Isolation(); i != "" {
			return i
		}
		return "-"
	})
	row("engine", func(r Run) string { return r.Engine })
	row("containers", f("%d", func(r Run) any { return r.Count }))
	row("load before", func(r Run) string { return r.Load })
	row("program, bytes", f("%d", func(r Run) any { return r.BinaryBytes }))
	row("start, s", f("%.2f", func(r Run) any { return r.Start.Seconds }))
	row("start, per second", f("%.0f", func(r Run) any { return r.Start.PerSecond }))
	row("start, median ms", f("%.1f", func(r Run) any { return r.Start.MedianMS }))
	row("start, p99 ms", f("%.1f", func(r Run) any { return r.Start.P99MS }))
	unsettled := false
	row("memory each, kB", func(r Run) string {
		unsettled = unsettled || r.Unsettled
		return fmt.Sprintf("%.1f", r.Memory.Available) + map[bool]string{true: " *"}[r.Unsettled]
	})
	for _, name := range meminfo.Components {
		row("of it "+name, f("%.1f", func(r Run) any { return r.Memory.Components[name] }))
	}
	row("RSS, kB", f("%d", func(r Run) any { return r.RSSKB }))
	row("processes", f("%d", func(r Run) any { return r.Processes }))
	row("threads", f("%d", func(r Run) any { return r.Threads }))
	row("all gone after, s", f("%.3f", func(r Run) any { return r.StopSeconds }))
	row("delete, s", f("%.2f", func(r Run) any { return r.DeleteSeconds }))
	row("failures", f("%d", func(r Run) any { return r.Failures }))
	if err := table.Flush(); err != nil {
		return err
	}
	if unsettled {
		fmt.Fprintln(w, "\n*: the machine's memory did not come to rest, so that this is also what others took or gave back meanwhile")
	}
	if err := r.ratios(w); err != nil {
		return err
	}
	for _, run := range r.Runs {
		for _, message := range run.FailureMessages {
			fmt.Fprintf(w, "%s: %s\n", run.Label(), message)
		}
	}
	return nil
}

// ratios compares each run with the first that was measured alike: as many containers, with the same isolation and engine.
// That of the same program is none to compare with.
func (r Report) ratios(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head, lost := false, false
	for i, run := range r.Runs {
		base := slices.IndexFunc(r.Runs, func(b Run) bool {
			return b.Count == run.Count && b.Netns == run.Netns && b.Cgroup == run.Cgroup && b.Engine == run.Engine
		})
		if base == i || r.Runs[base].Name == run.Name {
			continue
		}
		if !head {
			head = true
			fmt.Fprintln(table, "\nratio\tprogram\tmemory\tRSS\tthreads\tstart\tstop\t")
		}
		b := r.Runs[base]
		memory := ratio(run.Memory.Available, b.Memory.Available)
		if run.lost() || b.lost() {
			memory, lost = "-", true
		}
		fmt.Fprintf(table, "%s / %s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", run.Name, b.Name,
			ratio(float64(run.BinaryBytes), float64(b.BinaryBytes)), memory,
			ratio(float64(run.RSSKB), float64(b.RSSKB)), ratio(float64(run.Threads), float64(b.Threads)),
			ratio(run.Start.Seconds, b.Start.Seconds), ratio(run.StopSeconds, b.StopSeconds))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if lost {
		_, err := fmt.Fprintln(w, "\n-: no ratio; a fleet's memory is less than its page tables and kernel stacks, so it was lost among what else the machine did")
		return err
	}
	return nil
}

// lost reports whether the memory of the run is below the noise: less than what cannot be had for less. Page tables and
// kernel stacks are never available memory, so something else gave memory back meanwhile, and at least the difference.
func (r Run) lost() bool {
	return r.Memory.Available < r.Memory.Components["PageTables"]+r.Memory.Components["KernelStack"]
}

// ratio is a / b, or "-" if one of them is nothing that could be measured.
func ratio(a, b float64) string {
	if a <= 0 || b <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// Read reads a report that JSON wrote to a file. It has one run or more.
func Read(path string) (Report, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Report{}, err
	}
	r, err := Parse(data)
	if err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Parse is Read for the contents of the file.
func Parse(data []byte) (Report, error) {
	return record.Parse(data, "bench/fleet", func(r Report) string {
		if len(r.Runs) == 0 {
			return "run"
		}
		return ""
	})
}

// JSON writes the report for programs. Text and SVG of what Read reads from it are those of the report itself.
func (r Report) JSON(w io.Writer) error { return record.Write(w, r.rounded()) }

// rounded has figures of three digits after the point: more would only make differences noisy.
func (r Report) rounded() Report {
	r.Runs = slices.Clone(r.Runs)
	for i := range r.Runs {
		run := &r.Runs[i]
		s := &run.Start
		for _, v := range []*float64{
			&s.Seconds, &s.MedianMS, &s.P99MS, &s.MaxMS, &s.PerSecond, &s.Interval, &run.Memory.Available, &run.StopSeconds, &run.DeleteSeconds,
		} {
			*v = round(*v)
		}
		s.Rate = slices.Clone(s.Rate)
		for i, rate := range s.Rate {
			s.Rate[i] = math.Round(rate)
		}
		components := map[string]float64{}
		for name, v := range run.Memory.Components {
			components[name] = round(v)
		}
		run.Memory.Components = components
	}
	return r
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"example.com/pause/bench/lib"
)

// Report is the outcome of one command.
type Report struct {
	Machine string `json:"machine"` // as lib.Machine describes it
	Runs    []Run  `json:"runs"`    // in the order in which they were measured
}

// Run is the outcome of one fleet.
type Run struct {
	Name        string `json:"name"`
	Engine      string `json:"engine"` // with its version
	Count       int    `json:"count"`
	Netns       bool   `json:"netns"`
	Cgroup      bool   `json:"cgroup"`
	BinaryBytes int64  `json:"binary_bytes"`

	Start  Start `json:"start"`
	Memory Cost  `json:"memory"` // of each container
	// Pod is set if each container is the sandbox of a pod.
	Pod *Pod `json:"pod,omitempty"`
	// Unsettled says that the machine's memory never came to rest around the fleet, or that others gave so much back that Memory
	// is less than it can be.
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
	Seconds   float64 `json:"seconds"` // of all
	MedianMS  float64 `json:"median_ms"`
	P99MS     float64 `json:"p99_ms"`
	PerSecond float64 `json:"per_second"`
}

// Components are the parts that a sleeping container can be made of, as /proc/meminfo names them; see proc_meminfo(5). They overlap in nothing, but do not add up to the difference of what is available: that
// counts about half of SReclaimable as available, and whatever else the machine does meanwhile.
var Components = []string{"SUnreclaim", "PageTables", "KernelStack", "SReclaimable", "AnonPages", "Shmem", "Percpu"}

// Cost is the memory that one container takes, in kB.
type Cost struct {
	// Available is how much the memory fell that programs can still get: the figure to plan with.
	Available float64 `json:"available_kb"`
	// Components are the increases of what Components names.
	Components map[string]float64 `json:"components_kb"`
}

// Pod is what of the memory of a pod is in processes, in kB, without what a file holds (Pss_Anon in /proc/PID/smaps_rollup).
type Pod struct {
	Pause float64 `json:"pause_kb"` // the sandbox
	Shim  float64 `json:"shim_kb"`  // the process that containerd keeps beside it
	// Containerd is what containerd itself has grown by.
	Containerd float64 `json:"containerd_kb"`
}

// impossible reports whether the cost is less than the page tables and kernel stacks in it, which are never available memory.
func (c Cost) impossible() bool {
	return c.Available < c.Components["PageTables"]+c.Components["KernelStack"]
}

// kernel returns the rest of the memory of a pod, in kB: what the kernel has for it, and what the engine keeps in files.
func (r Run) kernel() float64 {
	return r.Memory.Available - r.Pod.Pause - r.Pod.Shim - r.Pod.Containerd
}

// NewStart sums up the latencies of all starts, which took the total time together.
func NewStart(total time.Duration, latencies []time.Duration) Start {
	s := Start{Seconds: total.Seconds()}
	if len(latencies) == 0 {
		return s
	}
	ms := func(percent float64) float64 { return lib.Percentile(latencies, percent).Seconds() * 1000 }
	s.MedianMS, s.P99MS, s.PerSecond = ms(50), ms(99), float64(len(latencies))/total.Seconds()
	return s
}

// isolation names what each container of the run has beside the namespaces that all have, or is "-".
func (r Run) isolation() string {
	var parts []string
	if r.Netns {
		parts = append(parts, "netns")
	}
	if r.Cgroup {
		parts = append(parts, "cgroup")
	}
	return cmp.Or(strings.Join(parts, "+"), "-")
}

// Label tells the run from the others of a report.
func (r Run) Label() string {
	return fmt.Sprintf("%s, isolation %s (%d)", r.Name, r.isolation(), r.Count)
}

// Text writes the report for people: a column for each run, ratios between those that were measured alike, and what failed.
func (r Report) Text(w io.Writer) error {
	pods := !slices.ContainsFunc(r.Runs, func(r Run) bool { return r.Pod == nil })
	var rows [][]string
	row := func(name, format string, value func(Run) any) {
		cells := []string{name}
		for _, run := range r.Runs {
			cells = append(cells, fmt.Sprintf(format, value(run)))
		}
		rows = append(rows, cells)
	}
	row("", "%s", func(r Run) any { return r.Name })
	row("isolation", "%s", func(r Run) any { return r.isolation() })
	row("engine", "%s", func(r Run) any { return r.Engine })
	what := "containers"
	if pods {
		what = "pods"
	}
	row(what, "%d", func(r Run) any { return r.Count })
	row("program, bytes", "%d", func(r Run) any { return r.BinaryBytes })
	row("start, s", "%.2f", func(r Run) any { return r.Start.Seconds })
	row("start, per second", "%.0f", func(r Run) any { return r.Start.PerSecond })
	row("start, median ms", "%.1f", func(r Run) any { return r.Start.MedianMS })
	row("start, p99 ms", "%.1f", func(r Run) any { return r.Start.P99MS })
	row("memory each, kB", "%s", func(r Run) any { return r.memory() })
	if pods {
		row("of it the pause process", "%.1f", func(r Run) any { return r.Pod.Pause })
		row("of it the shim", "%.1f", func(r Run) any { return r.Pod.Shim })
		row("of it containerd", "%.1f", func(r Run) any { return r.Pod.Containerd })
		row("of it the kernel", "%.1f", func(r Run) any { return r.kernel() })
	}
	for _, name := range Components {
		row("of it "+name, "%.1f", func(r Run) any { return r.Memory.Components[name] })
	}
	row("RSS, kB", "%d", func(r Run) any { return r.RSSKB })
	row("processes", "%d", func(r Run) any { return r.Processes })
	row("threads", "%d", func(r Run) any { return r.Threads })
	row("all gone after, s", "%.3f", func(r Run) any { return r.StopSeconds })
	row("delete, s", "%.2f", func(r Run) any { return r.DeleteSeconds })
	row("failures", "%d", func(r Run) any { return r.Failures })
	if ratios := r.ratios(); len(ratios) > 0 {
		rows = append(append(rows, nil, []string{"ratio", "program", "memory", "RSS", "threads", "start", "stop"}), ratios...)
	}
	fmt.Fprintf(w, "%s\n\n", r.Machine)
	if err := lib.Table(w, rows); err != nil {
		return err
	}
	if slices.ContainsFunc(r.Runs, func(r Run) bool { return r.Unsettled }) {
		fmt.Fprintln(w, "\n*: the machine's memory did not come to rest, so that this is also what others took or gave back meanwhile")
	}
	for _, run := range r.Runs {
		for _, message := range run.FailureMessages {
			fmt.Fprintf(w, "%s: %s\n", run.Label(), message)
		}
	}
	return nil
}

// memory is the memory of a container, with a mark if it was measured while it moved.
func (r Run) memory() string {
	text := fmt.Sprintf("%.1f", r.Memory.Available)
	if r.Unsettled {
		text += " *"
	}
	return text
}

// ratios compares each run with the first that was measured alike: as many containers, with the same isolation. That of the same
// program is none to compare with.
func (r Report) ratios() (rows [][]string) {
	for _, run := range r.Runs {
		b := r.Runs[slices.IndexFunc(r.Runs, func(b Run) bool { return b.Count == run.Count && b.Netns == run.Netns && b.Cgroup == run.Cgroup })]
		if b.Name == run.Name {
			continue
		}
		memory := ratio(run.Memory.Available, b.Memory.Available)
		if run.Unsettled || b.Unsettled {
			memory = "-"
		}
		rows = append(rows, []string{
			run.Name + " / " + b.Name, ratio(float64(run.BinaryBytes), float64(b.BinaryBytes)), memory,
			ratio(float64(run.RSSKB), float64(b.RSSKB)), ratio(float64(run.Threads), float64(b.Threads)),
			ratio(run.Start.Seconds, b.Start.Seconds), ratio(run.StopSeconds, b.StopSeconds),
		})
	}
	return rows
}

// ratio is a / b, or "-" if one of them is nothing that could be measured.
func ratio(a, b float64) string {
	if a <= 0 || b <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

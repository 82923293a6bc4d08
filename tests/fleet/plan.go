package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"example.com/pause/tests/fleet/report"
)

// plan is a calculation of what a number of pods needs, from the memory and the time that a fleet measured.
type plan struct {
	report        string
	pods, perNode int
	scheduler     float64
	supervisor    float64
	container     float64
}

func (p *plan) flags(set *flag.FlagSet) {
	set.StringVar(&p.report, "plan", "", "start nothing: from this report, the JSON of a run, calculate what --pods need")
	set.IntVar(&p.pods, "pods", 10000, "for --plan: how many pods")
	set.IntVar(&p.perNode, "pods-per-node", 110, "for --plan: the most on a node; 110 is the kubelet's default")
	set.Float64Var(&p.scheduler, "scheduler-rate", 100, "for --plan: pods that the scheduler binds a second, in all")
	set.Float64Var(&p.supervisor, "supervisor-kb", 4700, "for --plan: memory of what the engine keeps beside each pod, such as a shim, in kB")
	set.Float64Var(&p.container, "container-kb", 0, "for --plan: memory of each pod's other containers, in kB; their shim is the pod's")
}

// print writes the calculation step by step, so that it can be redone.
func (p *plan) print(w io.Writer) error {
	if p.pods < 1 || p.perNode < 1 || p.scheduler <= 0 || p.supervisor < 0 || p.container < 0 {
		return errors.New("--pods, --pods-per-node and --scheduler-rate must be above 0, and no figure negative")
	}
	r, err := report.Read(p.report)
	if err != nil {
		return err
	}
	if len(r.Runs) == 0 {
		return fmt.Errorf("%s: has no run", p.report)
	}
	// A pod has both; without, the plan would be too good.
	run := r.Runs[0]
	for _, candidate := range r.Runs {
		if candidate.Name == run.Name && candidate.Netns && candidate.Cgroup {
			run = candidate
		}
	}
	nodes := math.Ceil(float64(p.pods) / float64(p.perNode))
	fullest := min(p.pods, p.perNode)
	each := run.Memory.Available + p.supervisor + p.container
	bind := float64(p.pods) / p.scheduler
	start := float64(fullest) / run.Start.PerSecond

	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(what, how string, format string, value any) {
		fmt.Fprintf(table, "%s\t%s\t"+format+"\n", what, how, value)
	}
	line("a pod's pause container", "measured: "+run.Label(), "%.0f kB", run.Memory.Available)
	line("a pod", fmt.Sprintf("%.0f + %.0f supervisor + %.0f containers", run.Memory.Available, p.supervisor, p.container), "%.0f kB", each)
	line("of it, not pause", fmt.Sprintf("%.0f / %.0f", each-run.Memory.Available, each), "%.0f %%", 100*(each-run.Memory.Available)/each)
	line("nodes", fmt.Sprintf("%d pods / %d a node, rounded up", p.pods, p.perNode), "%.0f", nodes)
	line("memory of a full node's pods", fmt.Sprintf("%d x %.0f kB", fullest, each), "%.0f MB", float64(fullest)*each/1024)
	line("memory of all pods", fmt.Sprintf("%d x %.0f kB", p.pods, each), "%.1f GB", float64(p.pods)*each/1024/1024)
	line("time to schedule", fmt.Sprintf("%d pods / %.0f a second", p.pods, p.scheduler), "%.0f s", bind)
	line("time for a node to start its pause containers", fmt.Sprintf("%d / %.0f a second, measured", fullest, run.Start.PerSecond), "%.1f s", start)
	line("time at least", "the longer of the two: nodes start while others are scheduled", "%.0f s", max(bind, start))
	return table.Flush()
}

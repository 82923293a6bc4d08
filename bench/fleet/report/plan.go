package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// Plan calculates what a number of pods needs, from the memory and the time that a fleet measured.
type Plan struct {
	Pods          int
	PodsPerNode   int     // the most on a node
	SchedulerRate float64 // pods that the scheduler binds a second, in all
	SupervisorKB  float64 // memory of what the engine keeps beside each pod, such as a shim
	ContainerKB   float64 // memory of each pod's other containers
}

// DefaultPlan is what the calculation starts from if nothing else is said: 10,000 pods, the kubelet's default of pods on a
// node, and placeholders for the rate and the supervisor.
var DefaultPlan = Plan{Pods: 10000, PodsPerNode: 110, SchedulerRate: 100, SupervisorKB: 4700}

// Check returns an error that says what cannot be calculated with.
func (p Plan) Check() error {
	if p.Pods < 1 || p.PodsPerNode < 1 || p.SchedulerRate <= 0 || p.SupervisorKB < 0 || p.ContainerKB < 0 {
		return errors.New("--pods, --pods-per-node and --scheduler-rate must be above 0, and no figure negative")
	}
	return nil
}

// Text writes the calculation from r step by step, so that it can be redone.
func (p Plan) Text(w io.Writer, r Report) error {
	if err := p.Check(); err != nil {
		return err
	}
	if len(r.Runs) == 0 {
		return errors.New("the report has no run")
	}
	r = r.rounded()
	// A pod has both; without, the plan would be too good.
	i := slices.IndexFunc(r.Runs, func(run Run) bool { return run.Name == r.Runs[0].Name && run.Netns && run.Cgroup })
	if i < 0 {
		return fmt.Errorf("the report has no fleet of %s with network namespaces and cgroups, as pods have them: measure it with "+
			"--compare, as root", r.Runs[0].Name)
	}
	run := r.Runs[i]
	nodes := math.Ceil(float64(p.Pods) / float64(p.PodsPerNode))
	fullest := min(p.Pods, p.PodsPerNode)
	each := run.Memory.Available + p.SupervisorKB + p.ContainerKB
	bind := float64(p.Pods) / p.SchedulerRate
	start := float64(fullest) / run.Start.PerSecond

	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(what, how string, format string, value any) {
		fmt.Fprintf(table, "%s\t%s\t"+format+"\n", what, how, value)
	}
	line("a pod's pause container", "measured: "+run.Label(), "%.0f kB", run.Memory.Available)
	line("a pod", fmt.Sprintf("%.0f + %.0f supervisor + %.0f containers", run.Memory.Available, p.SupervisorKB, p.ContainerKB), "%.0f kB", each)
	line("of it, not pause", fmt.Sprintf("%.0f / %.0f", each-run.Memory.Available, each), "%.0f %%", 100*(each-run.Memory.Available)/each)
	line("nodes", fmt.Sprintf("%d pods / %d a node, rounded up", p.Pods, p.PodsPerNode), "%.0f", nodes)
	line("memory of a full node's pods", fmt.Sprintf("%d x %.0f kB", fullest, each), "%.0f MB", float64(fullest)*each/1024)
	line("memory of all pods", fmt.Sprintf("%d x %.0f kB", p.Pods, each), "%.1f GB", float64(p.Pods)*each/1024/1024)
	line("time to schedule", fmt.Sprintf("%d pods / %.0f a second", p.Pods, p.SchedulerRate), "%.0f s", bind)
	line("time for a node to start its pause containers", fmt.Sprintf("%d / %.0f a second, measured", fullest, run.Start.PerSecond), "%.1f s", start)
	line("time at least", "the longer of the two: nodes start while others are scheduled", "%.0f s", max(bind, start))
	return table.Flush()
}

package main

import (
	"flag"
	"io"

	"example.com/pause/bench/fleet/report"
	"example.com/pause/tools/command"
)

// plan is what the flags say about the calculation of package report.
type plan struct {
	report string // the file to calculate from; "" for none
	report.Plan
}

func (p *plan) flags(set *flag.FlagSet) {
	def := report.DefaultPlan
	set.StringVar(&p.report, "plan", "", "start nothing: from this `file`, the JSON of a run, calculate what --pods need")
	set.IntVar(&p.Pods, "pods", def.Pods, "for --plan: how `many` pods")
	set.IntVar(&p.PodsPerNode, "pods-per-node", def.PodsPerNode, "for --plan: how `many` at most on a node; 110 is the kubelet's default")
	set.Float64Var(&p.SchedulerRate, "scheduler-rate", def.SchedulerRate, "for --plan: `pods` that the scheduler binds a second, in all")
	set.Float64Var(&p.SupervisorKB, "supervisor-kb", def.SupervisorKB, "for --plan: memory of what the engine keeps beside each pod, such as a shim, in `kB`")
	set.Float64Var(&p.ContainerKB, "container-kb", def.ContainerKB, "for --plan: memory of each pod's other containers, in `kB`; their shim is the pod's")
}

// print writes the calculation.
func (p *plan) print(w io.Writer) error {
	if err := p.Check(); err != nil {
		return command.Wrong("%v", err)
	}
	r, err := report.Read(p.report)
	if err != nil {
		return err
	}
	return p.Text(w, r)
}

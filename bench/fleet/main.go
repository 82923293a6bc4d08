// Command fleet starts many containers of the image at once with an OCI engine, or as many pods with containerd, measures what
// they cost, and stops them. It reports how long starting took, what memory each container takes and what for, and how long stopping took.
// Nothing stays behind, however it ends.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sys/unix"

	"example.com/pause/bench/lib"
	"example.com/pause/tests/lib/jail"
	"example.com/pause/tests/lib/pods"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
)

// The commands that this program starts itself as.
const (
	first  = "--first-in-the-namespaces"
	inside = "--inside-the-namespaces"
	keeper = "--remove-cgroups-at-the-end"
)

// mostCompared is how many containers of each kind --compare starts at most: more would take long, and show the same.
const mostCompared = 1000

// prefix starts the names of the cgroups of fleets.
const prefix = "pause-fleet"

// Environment variables that name, as paths in Bazel's runfiles, what is measured.
const (
	envLayout   = "PAUSE_LAYOUT"
	envOrdinary = "PAUSE_IDIOMATIC"
)

// The main goroutine stays on the main thread, which lives as long as the process: see jail.Run.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case first:
			exit(jail.Init([]string{inside}))
		case inside:
			exit(driveMain())
		case keeper:
			exit(jail.KeepCgroup(os.Args[2:]))
		}
	}
	newCommand().Main()
}

// exit ends a process that this program started itself as.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// options are the command's flags.
type options struct {
	count, parallel        int
	engine, layout, json   string
	netns, cgroup, compare bool
	pods                   bool // the engine is containerd
}

func newCommand() *command.Command {
	c := &command.Command{
		Name: "fleet",
		Call: "./bazelw run //bench/fleet --",
		Summary: "Starts many containers of the image at once with an OCI engine, measures what they cost, and stops them. Nothing stays\n" +
			"behind, however it ends. docs/scale.md says more.\n\n" +
			"With --engine=containerd it starts pods instead, with the image as their sandbox, and compares them with pods of an\n" +
			"ordinary Go program and ordinary C, each on the host's network and, if there are CNI plugins, on one of their own.",
		Examples: []string{
			"./bazelw run //bench/fleet -- --count=10000",
			"./bazelw run //bench/fleet -- --count=1000 --compare --json=result.json",
			"./bazelw run //bench/fleet -- --engine=containerd",
		},
	}
	var o options
	set := &c.Flags
	set.IntVar(&o.count, "count", 1000, "how `many` containers to start; with containerd, pods of each kind, and 100 by default")
	set.StringVar(&o.engine, "engine", "crun", "the OCI `engine`: a name on PATH or a path; crun, runc, or what takes their arguments; or containerd")
	set.IntVar(&o.parallel, "parallel", runtime.NumCPU(), "how `many` engines run at a time")
	set.BoolVar(&o.netns, "netns", false, "give each container a network namespace")
	set.BoolVar(&o.cgroup, "cgroup", false, "give each container a cgroup; runc needs it")
	set.BoolVar(&o.compare, "compare", false, "then measure, side by side: the image, an ordinary Go program, ordinary C if there is a C "+
		"compiler, and the image with network namespaces and cgroups, 1,000 of each at most; one fleet comes before them that is not measured, because "+
		"the first pays for what the others find warm")
	set.StringVar(&o.layout, "layout", "", "the image, a `folder` with an OCI layout (default: $"+envLayout+", which bazel run sets)")
	set.StringVar(&o.json, "json", "", "`file` to write the result to, as JSON")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		if o.count < 1 || o.parallel < 1 {
			return command.Wrong("--count and --parallel must be at least 1")
		}
		o.pods = filepath.Base(o.engine) == "containerd"
		counted := false
		set.Visit(func(f *flag.Flag) { counted = counted || f.Name == "count" })
		if o.pods && !counted {
			o.count = 100 // a shim each
		}
		return o.measure(ctx, flagsOf(set), stdout)
	}
	return c
}

// measure starts the fleets and writes what they cost. given are the flags, for the report.
func (o *options) measure(ctx context.Context, given string, out io.Writer) error {
	specs, err := o.specs()
	if err != nil {
		return err
	}
	if err := fit(specs); err != nil {
		return err
	}
	r := Report{Command: given, Runs: make([]Run, len(specs))}
	if r.Machine, err = lib.Machine(); err != nil {
		return err
	}
	order := turns(specs)
	if len(specs) > 1 {
		// The first fleet pays for what the kernel and the engine keep from then on. That would be the one of the image, which
		// all others are compared with.
		warm := specs[order[0]]
		warm.Name = "warm-up"
		if _, err := started(ctx, warm); err != nil {
			return err
		}
	}
	for _, i := range order {
		run, err := started(ctx, specs[i])
		if err != nil {
			return err
		}
		r.Runs[i] = *run
	}
	if err := r.Text(out); err != nil {
		return err
	}
	if o.json != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := stage.Write(targets.FromWorkingDirectory(o.json), append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	for _, run := range r.Runs {
		if run.Failures > 0 {
			return fmt.Errorf("%s: %d failures, the first: %s", run.Label(), run.Failures, run.FailureMessages[0])
		}
	}
	return nil
}

// started is drivenIn, with errors for the user.
func started(ctx context.Context, s spec) (*Run, error) {
	run, err := drivenIn(ctx, s)
	if ctx.Err() != nil {
		return nil, errors.New("interrupted; nothing that it started is left")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return run, nil
}

// flagsOf returns the flags that are there, without those that name files: they say nothing about the result.
func flagsOf(set *flag.FlagSet) string {
	var flags []string
	set.Visit(func(f *flag.Flag) {
		if f.Name != "layout" && f.Name != "json" {
			flags = append(flags, strings.TrimSuffix("--"+f.Name+"="+f.Value.String(), "=true"))
		}
	})
	return strings.Join(flags, " ")
}

// specs returns the fleets to start: the one that was asked for, then those that it is compared with.
func (o *options) specs() ([]spec, error) {
	engine, err := exec.LookPath(o.engine)
	if err != nil {
		return nil, fmt.Errorf("--engine=%s: %w: Debian's packages crun, runc and containerd have one", o.engine, err)
	}
	if base := filepath.Base(engine); base == "docker" || base == "podman" {
		return nil, fmt.Errorf("--engine=%s: it does not take the arguments of crun and runc; use one of those, or containerd", o.engine)
	}
	if engine, err = filepath.Abs(engine); err != nil {
		return nil, err
	}
	if strings.HasPrefix(filepath.Base(engine), "runc") && !o.cgroup {
		return nil, errors.New("runc starts no container without a cgroup: add --cgroup, or use --engine=crun")
	}
	asked := spec{
		Name: "pause", Engine: engine, Count: o.count, Parallel: o.parallel, Netns: o.netns, Cgroup: o.cgroup, Rootless: os.Geteuid() != 0,
	}
	if asked.Rootless && o.cgroup {
		return nil, errors.New("cgroups need root: run it as root, or without --cgroup")
	}
	if o.layout != "" {
		asked.Layout, err = filepath.Abs(targets.FromWorkingDirectory(o.layout))
	} else if asked.Layout, err = targets.Locate(envLayout); err != nil {
		err = fmt.Errorf("no image: %w; give --layout=FOLDER, an OCI layout (./bazelw run //bench/fleet has one built)", err)
	}
	if err != nil {
		return nil, err
	}
	if o.pods {
		return o.podSpecs(asked)
	}
	specs := []spec{asked}
	if !o.compare {
		return specs, nil
	}

	small := asked
	if small.Count = min(o.count, mostCompared); small.Count < o.count {
		specs = append(specs, small)
	}
	others, err := ordinary(small, lib.Compilers)
	if err != nil {
		return nil, err
	}
	specs = append(specs, others...)
	for _, isolated := range []struct{ netns, cgroup bool }{{true, false}, {false, true}, {true, true}} {
		more := small
		more.Netns, more.Cgroup = isolated.netns, isolated.cgroup
		if more != small && !(more.Cgroup && more.Rootless) {
			specs = append(specs, more)
		}
	}
	return specs, nil
}

// ordinary returns fleets as like, of the ordinary programs: in Go, and in C for those of the compilers that are here.
func ordinary(like spec, compilers []lib.Compiler) (specs []spec, err error) {
	other := like
	other.Name, other.Layout = ordinaryGo, ""
	if other.Binary, err = targets.Locate(envOrdinary); err != nil {
		return nil, fmt.Errorf("the comparison needs an ordinary Go program: %w (./bazelw run //bench/fleet has it built)", err)
	}
	specs = append(specs, other)
	other.Binary = ""
	for _, c := range compilers {
		if _, err := exec.LookPath(c.Command); err != nil {
			fmt.Fprintf(os.Stderr, "fleet: not compared with %s: no %s on PATH\n", c.Name, c.Command)
			continue
		}
		other.Name, other.Reference = c.Name, c.Name
		specs = append(specs, other)
	}
	return specs, nil
}

// podSpecs returns the fleets of pods: of the image and of the ordinary programs, each without and with networks of their own.
func (o *options) podSpecs(asked spec) (specs []spec, err error) {
	if o.netns || o.cgroup || o.compare {
		return nil, command.Wrong("--engine=containerd does without --netns, --cgroup and --compare: it measures all of them")
	}
	if asked.Rootless {
		return nil, errors.New("--engine=containerd needs root")
	}
	if o.count > maxPods {
		return nil, command.Wrong("--count=%d: the bridge of the pods' network takes at most %d", o.count, maxPods)
	}
	for _, program := range podPrograms {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("--engine=containerd: %w: Debian's packages containerd and runc have it", err)
		}
	}
	asked.Pods, asked.Cgroup = true, true
	others, err := ordinary(asked, lib.Compilers[1:]) // glibc is enough to compare with
	if err != nil {
		return nil, err
	}
	specs = append([]spec{asked}, others...)
	if pods.Plugins() == "" {
		fmt.Fprintln(os.Stderr, "fleet: no pods with networks of their own: no CNI plugins; Debian's package containernetworking-plugins has them")
		return specs, nil
	}
	for _, s := range slices.Clone(specs) {
		s.Netns = true
		specs = append(specs, s)
	}
	return specs, nil
}

// ordinaryGo names the one program whose runtime has threads of its own.
const ordinaryGo = "ordinary Go"

// turns returns the order in which fleets are measured, as indexes of specs: small before large and, of one size, those with
// cgroups or network namespaces last. What a large fleet leaves, memory that the kernel frees late, would be taken off the
// cost of a small one after it; and a memory cgroup costs more on a machine that has had many file systems (docs/scale.md),
// so that no small fleet with cgroups may come after a large one of any kind.
func turns(specs []spec) []int {
	order := make([]int, len(specs))
	for i := range order {
		order[i] = i
	}
	isolated := func(i int) int {
		if specs[i].Netns || specs[i].Cgroup {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(specs[a].Count, specs[b].Count), cmp.Compare(isolated(a), isolated(b)))
	})
	return order
}

// fit checks the machine's limits against each fleet.
func fit(specs []spec) error {
	var most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &most); err != nil {
		return err
	}
	if most.Cur == unix.RLIM_INFINITY {
		most.Cur = 0
	}
	for _, s := range specs {
		d := demand{
			containers: s.Count, threads: 1, pods: s.Pods, netns: s.Netns, cgroup: s.Cgroup, rootless: s.Rootless, maxProcesses: most.Cur,
			largest: slices.MaxFunc(specs, func(a, b spec) int { return cmp.Compare(a.Count, b.Count) }).Count,
		}
		if s.Name == ordinaryGo {
			d.threads = 8
		}
		problems, err := d.breaks(os.DirFS("/"))
		if err != nil {
			return err
		}
		if len(problems) > 0 {
			return fmt.Errorf("%d containers (%s) would not fit here: %s", s.Count, s.Name, strings.Join(problems, "; "))
		}
	}
	return nil
}

// drivenIn starts a fleet in namespaces of its own and returns what was measured.
func drivenIn(ctx context.Context, s spec) (run *Run, err error) {
	if s.Cgroup {
		roots, wrong := jail.CgroupRoots()
		if wrong != nil {
			return nil, wrong
		}
		tree, wrong := jail.MakeCgroup(prefix, roots, keeper)
		if wrong != nil {
			return nil, wrong
		}
		s.Tree = tree.Name
		defer func() { err = errors.Join(err, tree.Remove()) }()
	}
	var bar *progressbar.ProgressBar
	phase := ""
	defer func() {
		if bar != nil {
			bar.Finish()
		}
	}()
	var o jail.Options
	if s.Pods {
		o.Namespaces = unix.CLONE_NEWNET // for the bridge
	}
	err = jail.Run(ctx, o, []string{first}, s, func(line []byte) error {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if run = e.Result; run != nil {
			return nil
		}
		if e.Phase != phase {
			if bar != nil {
				bar.Finish()
			}
			phase, bar = e.Phase, lib.Progress(s.Name+", "+e.Phase, e.Of)
		}
		return bar.Set(e.Done)
	})
	if err == nil && run == nil {
		err = errors.New("the process that starts the containers ended without a result")
	}
	return run, err
}

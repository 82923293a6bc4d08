// Command fleet starts many containers of the image at once with an OCI engine, measures what they cost, and stops them.
// It reports how long starting took, what memory each container takes and what for, and how long stopping took.
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

	"example.com/pause/bench/fleet/cgroup"
	"example.com/pause/bench/fleet/drive"
	"example.com/pause/bench/fleet/jail"
	"example.com/pause/bench/fleet/limits"
	"example.com/pause/bench/fleet/report"
	"example.com/pause/bench/lib/machine"
	"example.com/pause/bench/programs/reference"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// The commands that this program starts itself as.
const (
	first  = "--first-in-the-namespaces"
	inside = "--inside-the-namespaces"
	keeper = "--remove-cgroups-at-the-end"
)

// Environment variables that name, as paths in Bazel's runfiles, what is measured.
const (
	envLayout    = "PAUSE_LAYOUT"
	envIdiomatic = "PAUSE_IDIOMATIC"
)

func init() { jail.LockThread() }

func main() {
	if len(os.Args) > 1 && slices.Contains([]string{first, inside, keeper}, os.Args[1]) {
		if err := again(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "fleet:", err)
			os.Exit(1)
		}
		return
	}
	newCommand().Main()
}

// again is the program that this program starts itself as.
func again(as string, args []string) error {
	switch as {
	case first:
		return jail.Init([]string{inside})
	case inside:
		return drive.Main()
	default:
		return cgroup.Keep(args)
	}
}

// options are the command's flags.
type options struct {
	count, parallel, compareCount           int
	engine, layout, rootfs, idiomatic, json string
	svg                                     string
	netns, cgroup, compare                  bool
	plan                                    plan
}

func newCommand() *command.Command {
	c := &command.Command{
		Name: "fleet",
		Call: "bazel run //bench/fleet --",
		Summary: "Starts many containers of the image at once with an OCI engine, measures what they cost, and stops them. Nothing stays\n" +
			"behind, however it ends. docs/scale.md says more.",
		Examples: []string{
			"bazel run //bench/fleet -- --count=10000",
			"bazel run //bench/fleet -- --count=1000 --compare --json=result.json --svg=result.svg",
			"bazel run //bench/fleet -- --plan=result.json --pods=10000",
		},
		Exit: map[int]string{0: "every container started, slept and stopped", 1: "failed, or a container did"},
	}
	var o options
	set := &c.Flags
	set.IntVar(&o.count, "count", 1000, "how `many` containers to start")
	set.StringVar(&o.engine, "engine", "crun", "the OCI `engine`: a name on PATH or a path; crun, runc, or what takes their arguments")
	set.IntVar(&o.parallel, "parallel", runtime.NumCPU(), "how `many` engines run at a time")
	set.BoolVar(&o.netns, "netns", false, "give each container a network namespace")
	set.BoolVar(&o.cgroup, "cgroup", false, "give each container a cgroup; runc needs it")
	set.BoolVar(&o.compare, "compare", false, "then measure, side by side: the image, an ordinary Go program, ordinary C if there is a C "+
		"compiler, and the image with network namespaces and cgroups; one fleet comes before them that is not measured, because "+
		"the first pays for what the others find warm")
	set.IntVar(&o.compareCount, "compare-count", 1000, "how `many` containers of each to start for --compare, at most --count")
	set.StringVar(&o.layout, "layout", "", "the image, a `folder` with an OCI layout (default: $"+envLayout+", which bazel run sets)")
	set.StringVar(&o.rootfs, "rootfs", "", "instead of an image: a `folder` with the static program pause")
	set.StringVar(&o.idiomatic, "idiomatic", "", "the ordinary Go `program` of --compare (default: $"+envIdiomatic+", which bazel run sets)")
	set.StringVar(&o.json, "json", "", "`file` to write the result to, as JSON")
	set.StringVar(&o.svg, "svg", "", "`file` to write a plot of the result to")
	o.plan.flags(set)
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		switch {
		case o.count < 1 || o.parallel < 1 || o.compareCount < 1:
			return command.Wrong("--count, --parallel and --compare-count must be at least 1")
		case o.layout != "" && o.rootfs != "":
			return command.Wrong("--layout or --rootfs, not both")
		case o.plan.report != "":
			o.plan.report = targets.FromWorkingDirectory(o.plan.report)
			return o.plan.print(stdout)
		}
		return o.measure(ctx, flagsOf(set), stdout)
	}
	return c
}

// measure starts the fleets and writes what they cost. given are the flags, for the report.
func (o *options) measure(ctx context.Context, given []string, out io.Writer) error {
	specs, err := o.specs()
	if err != nil {
		return err
	}
	if err := o.fits(specs); err != nil {
		return err
	}

	r := report.Report{Command: strings.Join(given, " ")}
	if r.Machine, err = machine.This(); err != nil {
		return err
	}
	r.Runs = make([]report.Run, len(specs))
	order := turns(specs)
	if len(specs) > 1 {
		// The first fleet pays for what the kernel and the engine keep from then on. That would be the one of the image, which
		// all others are compared with.
		spec := specs[order[0]]
		spec.Name = "warm-up"
		if _, err := started(ctx, spec); err != nil {
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
	for path, write := range map[string]func(io.Writer) error{o.json: r.JSON, o.svg: r.SVG} {
		if path != "" {
			if err := stage.File(targets.FromWorkingDirectory(path), func(f *os.File) error { return write(f) }); err != nil {
				return err
			}
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
func started(ctx context.Context, spec drive.Spec) (*report.Run, error) {
	run, err := drivenIn(ctx, spec)
	if ctx.Err() != nil {
		return nil, errors.New("interrupted; nothing that it started is left")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Name, err)
	}
	return run, nil
}

// flagsOf returns the flags that are there, without those that name files: they say nothing about the result.
func flagsOf(set *flag.FlagSet) []string {
	var flags []string
	set.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "layout", "rootfs", "idiomatic", "json", "svg":
		default:
			flags = append(flags, strings.TrimSuffix("--"+f.Name+"="+f.Value.String(), "=true"))
		}
	})
	return flags
}

// resolve returns the path of what a flag names, or else the environment variable env; "" if neither does.
func resolve(value, env string) (string, error) {
	if value != "" {
		return filepath.Abs(targets.FromWorkingDirectory(value))
	}
	if os.Getenv(env) == "" {
		return "", nil
	}
	path, err := targets.Locate(env)
	if err != nil {
		return "", fmt.Errorf("$%s: %w", env, err)
	}
	return path, nil
}

// specs returns the fleets to start, one after the other.
func (o *options) specs() ([]drive.Spec, error) {
	engine, err := exec.LookPath(o.engine)
	if err != nil {
		return nil, fmt.Errorf("--engine=%s: %w: Debian's packages crun and runc have one", o.engine, err)
	}
	if engine, err = filepath.Abs(engine); err != nil {
		return nil, err
	}
	if strings.HasPrefix(filepath.Base(engine), "runc") && !o.cgroup {
		return nil, errors.New("runc starts no container without a cgroup: add --cgroup, or use --engine=crun")
	}
	main := drive.Spec{
		Name: "pause", Engine: engine, Count: o.count, Parallel: o.parallel, Netns: o.netns, Rootless: os.Geteuid() != 0,
	}
	if main.Rootless && o.cgroup {
		return nil, errors.New("cgroups need root: run it as root, or without --cgroup")
	}
	if o.cgroup {
		main.Cgroup = wanted
	}
	if o.rootfs != "" {
		if main.Binary, err = filepath.Abs(filepath.Join(targets.FromWorkingDirectory(o.rootfs), "pause")); err != nil {
			return nil, err
		}
	} else if main.Layout, err = resolve(o.layout, envLayout); err != nil {
		return nil, err
	}
	if main.Binary == "" && main.Layout == "" {
		return nil, errors.New("no image: give --layout=FOLDER, an OCI layout, or --rootfs=FOLDER (bazel run //bench/fleet has one built)")
	}
	specs := []drive.Spec{main}
	if !o.compare {
		return specs, nil
	}

	main.Count = min(o.count, o.compareCount)
	if main.Count < o.count {
		specs = append(specs, main)
	}
	idiomatic := main
	idiomatic.Name, idiomatic.Layout = ordinaryGo, ""
	if idiomatic.Binary, err = resolve(o.idiomatic, envIdiomatic); err != nil {
		return nil, err
	}
	if idiomatic.Binary == "" {
		return nil, errors.New("--compare needs --idiomatic=PROGRAM: go build -o PROGRAM ./bench/programs/idiomatic, with CGO_ENABLED=0 " +
			"(bazel run //bench/fleet has it built)")
	}
	specs = append(specs, idiomatic)
	for _, ordinaryC := range reference.Compilers {
		if _, err := exec.LookPath(ordinaryC.Command); err != nil {
			fmt.Fprintf(os.Stderr, "fleet: not compared with %s: no %s on PATH\n", ordinaryC.Name, ordinaryC.Command)
			continue
		}
		c := main
		c.Name, c.Layout, c.Binary, c.Reference = ordinaryC.Name, "", "", ordinaryC.Name
		specs = append(specs, c)
	}
	for _, isolated := range []struct{ netns, cgroup bool }{{true, false}, {false, true}, {true, true}} {
		more := main
		more.Netns, more.Cgroup = isolated.netns, ""
		if isolated.cgroup {
			if main.Rootless {
				continue
			}
			more.Cgroup = wanted
		}
		if more != main {
			specs = append(specs, more)
		}
	}
	return specs, nil
}

// ordinaryGo names the one program whose runtime has threads of its own.
const ordinaryGo = "ordinary Go"

// wanted stands for the cgroup of a fleet, which gets its name when it is made.
const wanted = "wanted"

// turns returns the order in which fleets are measured, as indexes of specs: small before large and, of one size, those with
// cgroups or network namespaces last. What a large fleet leaves, memory that the kernel frees late, would be taken off the
// cost of a small one after it; and a memory cgroup costs more on a machine that has had many file systems (docs/scale.md),
// so that no small fleet with cgroups may come after a large one of any kind.
func turns(specs []drive.Spec) []int {
	order := make([]int, len(specs))
	for i := range order {
		order[i] = i
	}
	isolated := func(i int) int {
		if specs[i].Netns || specs[i].Cgroup != "" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(specs[a].Count, specs[b].Count), cmp.Compare(isolated(a), isolated(b)))
	})
	return order
}

// fits checks the machine's limits against each fleet.
func (o *options) fits(specs []drive.Spec) error {
	var most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &most); err != nil {
		return err
	}
	if most.Cur == unix.RLIM_INFINITY {
		most.Cur = 0
	}
	largest := 0
	for _, spec := range specs {
		largest = max(largest, spec.Count)
	}
	for _, spec := range specs {
		need := limits.Need{Containers: spec.Count, Threads: 1, Netns: spec.Netns, Rootless: spec.Rootless, MaxProcesses: most.Cur}
		if spec.Name == ordinaryGo {
			need.Threads = 8
		}
		if spec.Cgroup != "" {
			hierarchies, err := cgroup.Hierarchies()
			if err != nil {
				return err
			}
			need.Cgroups = len(hierarchies)
		}
		need.MemoryKB = need.Estimate(largest)
		problems, err := limits.Check(os.DirFS("/"), need)
		if err != nil {
			return err
		}
		if len(problems) > 0 {
			return fmt.Errorf("%d containers (%s) would not fit here: %s", spec.Count, spec.Name, strings.Join(problems, "; "))
		}
	}
	return nil
}

// drivenIn starts a fleet in namespaces of its own and returns what was measured.
func drivenIn(ctx context.Context, spec drive.Spec) (run *report.Run, err error) {
	if spec.Cgroup != "" {
		hierarchies, err := cgroup.Hierarchies()
		if err != nil {
			return nil, err
		}
		tree, err := cgroup.Make(hierarchies, []string{keeper})
		if err != nil {
			return nil, err
		}
		spec.Cgroup = tree.Name
		defer func() {
			if removed := tree.Remove(); err == nil {
				err = removed
			}
		}()
	}
	bar := newBar(spec)
	defer bar.close()
	err = jail.Run(ctx, []string{first}, spec, func(line []byte) error {
		var event drive.Event
		if err := json.Unmarshal(line, &event); err != nil {
			return err
		}
		run = event.Result
		bar.show(event)
		return nil
	})
	if err == nil && run == nil {
		err = errors.New("the process that starts the containers ended without a result")
	}
	return run, err
}

// bar shows how far a fleet is, on a terminal.
type bar struct {
	spec  drive.Spec
	phase string
	bar   *progressbar.ProgressBar
}

func newBar(spec drive.Spec) *bar { return &bar{spec: spec} }

func (b *bar) show(event drive.Event) {
	if event.Phase == "" {
		return
	}
	if b.phase != event.Phase {
		b.close()
		b.phase = event.Phase
		b.bar = progressbar.NewOptions(b.spec.Count,
			progressbar.OptionSetWriter(os.Stderr),
			progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))),
			progressbar.OptionSetDescription(fmt.Sprintf("%-12s %-6s", b.spec.Name, event.Phase)),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("containers"),
			progressbar.OptionSetPredictTime(true))
	}
	b.bar.Set(event.Done)
}

func (b *bar) close() {
	if b.bar != nil {
		b.bar.Exit()
		if term.IsTerminal(int(os.Stderr.Fd())) {
			fmt.Fprintln(os.Stderr)
		}
	}
}

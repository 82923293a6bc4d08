// Command fleet starts many containers of the image at once with an OCI engine, or as many pods with containerd, measures what
// they cost, and stops them. It reports how long starting took, what memory each container takes and what for, and how long stopping took.
// Nothing stays behind, however it ends.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

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
	count                  int
	engine, layout, json   string
	netns, cgroup, compare bool
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
	c.Flags.IntVar(&o.count, "count", 100, "how `many` containers to start; with containerd, pods of each kind")
	c.Flags.StringVar(&o.engine, "engine", "crun", "the OCI `engine`: a name on PATH or a path; crun, runc, or what takes their arguments; or containerd")
	c.Flags.BoolVar(&o.netns, "netns", false, "give each container a network namespace")
	c.Flags.BoolVar(&o.cgroup, "cgroup", false, "give each container a cgroup; runc needs it")
	c.Flags.BoolVar(&o.compare, "compare", false, "before that, measure side by side: the image, an ordinary Go program, ordinary C if there is a C "+
		"compiler, and the image with network namespaces and cgroups, 1,000 of each at most; one fleet comes before them that is not measured, because "+
		"the first pays for what the others find warm")
	c.Flags.StringVar(&o.layout, "layout", "", "the image, a `folder` with an OCI layout (default: $"+envLayout+", which bazel run sets)")
	c.Flags.StringVar(&o.json, "json", "", "`file` to write the result to, as JSON")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		if o.count < 1 {
			return command.Wrong("--count must be at least 1")
		}
		return o.measure(ctx, stdout)
	}
	return c
}

// measure starts the fleets and writes what they cost.
func (o *options) measure(ctx context.Context, out io.Writer) error {
	specs, err := o.specs()
	if err != nil {
		return err
	}
	for _, s := range specs {
		if err := s.fits(os.DirFS("/")); err != nil {
			return err
		}
	}
	machine, err := lib.Machine()
	if err != nil {
		return err
	}
	if len(specs) > 1 {
		// The first fleet pays for what the kernel and the engine keep from then on. That would be the one of the image, which
		// all others are compared with.
		if _, err := specs[0].drive(ctx); err != nil {
			return err
		}
	}
	r := Report{Machine: machine}
	for _, s := range specs {
		run, err := s.drive(ctx)
		if err != nil {
			return err
		}
		r.Runs = append(r.Runs, *run)
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

// specs returns the fleets to start, in the order in which they are measured: small before large and, of one size, those with
// cgroups or network namespaces last. What a large fleet leaves, memory that the kernel frees late, would be taken off the
// cost of a small one after it; and a memory cgroup costs more on a machine that has had many file systems (docs/scale.md).
func (o *options) specs() ([]spec, error) {
	engine, err := exec.LookPath(o.engine)
	if err != nil {
		return nil, fmt.Errorf("--engine=%s: %w: Debian's packages crun, runc and containerd have one", o.engine, err)
	}
	base := filepath.Base(engine)
	if base == "docker" || base == "podman" {
		return nil, fmt.Errorf("--engine=%s: it does not take the arguments of crun and runc; use one of those, or containerd", o.engine)
	}
	if engine, err = filepath.Abs(engine); err != nil {
		return nil, err
	}
	if strings.HasPrefix(base, "runc") && !o.cgroup {
		return nil, errors.New("runc starts no container without a cgroup: add --cgroup, or use --engine=crun")
	}
	asked := spec{Name: "pause", Engine: engine, Count: o.count, Netns: o.netns, Cgroup: o.cgroup, Rootless: os.Geteuid() != 0}
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
	if base == "containerd" {
		return o.podSpecs(asked)
	}
	if !o.compare {
		return []spec{asked}, nil
	}
	small := asked
	small.Count = min(o.count, mostCompared)
	specs, err := withOrdinary(small, lib.Compilers...)
	if err != nil {
		return nil, err
	}
	for _, isolated := range []struct{ netns, cgroup bool }{{true, false}, {false, true}, {true, true}} {
		more := small
		more.Netns, more.Cgroup = isolated.netns, isolated.cgroup
		if isolated.netns == o.netns && isolated.cgroup == o.cgroup || isolated.cgroup && asked.Rootless {
			continue
		}
		specs = append(specs, more)
	}
	if small.Count < o.count {
		specs = append(specs, asked)
	}
	return specs, nil
}

// withOrdinary returns the fleet image, and fleets like it of the ordinary programs: in Go, and in C for those of the compilers
// that are here.
func withOrdinary(image spec, compilers ...lib.Compiler) ([]spec, error) {
	path, err := targets.Locate(envOrdinary)
	if err != nil {
		return nil, fmt.Errorf("the comparison needs an ordinary Go program: %w (./bazelw run //bench/fleet has it built)", err)
	}
	dir, err := os.MkdirTemp("", "fleet-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	references, err := lib.References(dir, compilers...)
	if err != nil {
		return nil, err
	}
	specs := []spec{image}
	for _, r := range append([]lib.Reference{{Name: ordinaryGo, Path: path}}, references...) {
		other := image
		other.Name, other.Layout = r.Name, ""
		if other.Program, err = os.ReadFile(r.Path); err != nil {
			return nil, err
		}
		specs = append(specs, other)
	}
	return specs, nil
}

// podSpecs returns the fleets of pods: of the image and of the ordinary programs, each without and with networks of their own.
func (o *options) podSpecs(asked spec) ([]spec, error) {
	if o.netns || o.cgroup || o.compare {
		return nil, command.Wrong("--engine=containerd does without --netns, --cgroup and --compare: it measures all of them")
	}
	if asked.Rootless {
		return nil, errors.New("--engine=containerd needs root")
	}
	if o.count > maxPods {
		return nil, command.Wrong("--count=%d: the bridge of the pods' network takes at most %d", o.count, maxPods)
	}
	asked.Pods, asked.Cgroup = true, true
	specs, err := withOrdinary(asked, lib.Glibc)
	if err != nil {
		return nil, err
	}
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

// drive starts the fleet in namespaces of its own and returns what was measured.
func (s spec) drive(ctx context.Context) (run *Run, err error) {
	defer func() {
		if ctx.Err() != nil {
			run, err = nil, errors.New("interrupted; nothing that it started is left")
		} else if err != nil {
			err = fmt.Errorf("%s: %w", s.Name, err)
		}
	}()
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
	var o jail.Options
	if s.Pods {
		o.Namespaces = unix.CLONE_NEWNET // for the bridge
	}
	err = jail.Run(ctx, o, []string{first}, s, func(line []byte) error { return json.Unmarshal(line, &run) })
	if err == nil && run == nil {
		err = errors.New("the process that starts the containers ended without a result")
	}
	return run, err
}

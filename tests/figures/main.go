// Command figures writes every figure that the documents quote from what the build gives and from what was measured.
//
//	bazel run //:figures
//
// Tables stand in blocks of the documents (package block), plots beside them. What the build determines is measured anew
// each time; what takes a quiet machine and minutes is kept in docs/figures, and measured again with --measure.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"example.com/pause/tests/bazel"
	"example.com/pause/tests/machine"
	"example.com/pause/tools/oci/stage"
)

// Exit codes.
const (
	exitFailed = 1 // nothing is half-written
	exitUsage  = 2
)

// errUsage marks what was called wrongly.
var errUsage = errors.New("see --help")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "figures:", err)
	stop()
	if errors.Is(err, errUsage) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

// usage is what --help prints.
func usage() string {
	var b strings.Builder
	b.WriteString(`Writes every figure that README.md, CONTRIBUTING.md and docs/*.md quote, and the plots beside them.

  bazel run //:figures                                from the build, and what is kept in docs/figures
  bazel run //:figures -- --measure=latency,cache     measure these again first, and keep what comes out
  bazel run //:figures -- --measure=all               measure all of them

What can be measured, each by a command of its own, one after the other, on a machine that does nothing else:

`)
	for _, m := range measurements {
		fmt.Fprintf(&b, "  %-9s %s\n", m.name, m.summary)
	}
	b.WriteString(`
It prints the name of each file that it changed. Exit codes: 0, all is written; 1, something failed, and no file is half-written,
or a size in a document's text is left to its author; 2, it was called wrongly.
`)
	return b.String()
}

// run is main without the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("figures", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	list := flags.String("measure", "", "what to measure again: names with commas between them, or all")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		_, err := io.WriteString(stdout, usage())
		return err
	} else if err != nil {
		return fmt.Errorf("%w; %w", err, errUsage)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; %w", flags.Arg(0), errUsage)
	}
	wanted, err := choose(*list)
	if err != nil {
		return err
	}
	workspace, err := bazel.Workspace()
	if err != nil {
		return err
	}
	if len(wanted) > 0 {
		if err := warnIfBusy(stderr); err != nil {
			return err
		}
	}
	for i, m := range wanted {
		fmt.Fprintf(stderr, "figures: measuring %s, %d of %d\n", m.name, i+1, len(wanted))
		if err := measure(ctx, workspace, m, stderr); err != nil {
			return fmt.Errorf("%s, which stays as it was: %w", m.name, err)
		}
	}
	b, err := measureBuild()
	if err != nil {
		return err
	}
	p, err := generate(b, os.DirFS(workspace))
	if err != nil {
		return err
	}
	return p.write(workspace, stdout)
}

// choose returns the measurements that a list names.
func choose(list string) ([]measurement, error) {
	switch list {
	case "":
		return nil, nil
	case "all":
		return measurements, nil
	}
	var chosen []measurement
	for name := range strings.SplitSeq(list, ",") {
		m, ok := measured(name)
		if !ok {
			return nil, fmt.Errorf("--measure=%s: %q cannot be measured; what can is %s, or all; %w", list, name, names(), errUsage)
		}
		chosen = append(chosen, m)
	}
	return chosen, nil
}

// warnIfBusy says so if the machine does other things: the figures would be of a busy machine.
func warnIfBusy(stderr io.Writer) error {
	text, err := machine.Load()
	if err != nil {
		return err
	}
	load, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("/proc/loadavg: %w", err)
	}
	if cpus := runtime.NumCPU(); load > float64(cpus)/4 {
		fmt.Fprintf(stderr, "figures: the load is %s on %d CPUs: what is measured now are the figures of a busy machine\n", text, cpus)
	}
	return nil
}

// measure runs the command of m, and keeps its outcome if it succeeds.
func measure(ctx context.Context, workspace string, m measurement, log io.Writer) error {
	dir, err := os.MkdirTemp("", "figures-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, m.name+".json")
	r := bazel.Run{
		Workspace: workspace, Command: "run", Stdout: log, Log: log,
		Args: slices.Concat([]string{m.target, "--"}, m.flags, []string{"--json=" + file}),
		// What it runs has runfiles of its own.
		Env: []string{"RUNFILES_DIR=", "RUNFILES_MANIFEST_FILE="},
	}
	if _, err := r.Do(ctx); err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("the command wrote no result: %w", err)
	}
	if err := m.check(data); err != nil {
		return err
	}
	output := filepath.Join(workspace, m.file())
	if err := os.MkdirAll(filepath.Dir(output), 0o777); err != nil {
		return err
	}
	return write(output, data)
}

// write replaces the files that are not as they ought to be, and prints their names.
func (p *pages) write(workspace string, stdout io.Writer) error {
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		file := filepath.Join(workspace, name)
		old, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && bytes.Equal(old, p.files[name]) {
			continue
		}
		if err := write(file, p.files[name]); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(stdout, name); err != nil {
			return err
		}
	}
	if len(p.problems) > 0 {
		return fmt.Errorf("all is written, and this is left to you:\n%s", strings.Join(p.problems, "\n"))
	}
	return nil
}

// write replaces a file as a whole.
func write(file string, content []byte) error {
	return stage.File(file, func(f *os.File) error {
		_, err := f.Write(content)
		return err
	})
}

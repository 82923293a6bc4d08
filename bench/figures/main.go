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
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"example.com/pause/bench/lib/bazel"
	"example.com/pause/bench/lib/machine"
	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	var summary strings.Builder
	summary.WriteString("Writes every figure that README.md, CONTRIBUTING.md and docs/*.md quote, and the plots beside them: from the build, and\n" +
		"from what was measured and is kept in docs/figures. It prints the name of each file that it changed. What can be measured\n" +
		"again, each by a command of its own, on a machine that does nothing else:\n")
	for _, m := range measurements {
		fmt.Fprintf(&summary, "\n- %s: %s", m.name, m.summary)
	}
	c := &command.Command{
		Name:    "figures",
		Call:    "bazel run //:figures --",
		Summary: summary.String(),
		Examples: []string{
			"bazel run //:figures",
			"bazel run //:figures -- --measure=latency,cache",
			"bazel run //:figures -- --measure=all",
		},
		Exit: map[int]string{
			0: "all is written",
			1: "something failed, and no file is half-written; or a size in a document's text is left to its author",
		},
	}
	list := c.Flags.String("measure", "", "`names` of what to measure again, with commas between them, or all")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		return run(ctx, *list, stdout, os.Stderr)
	}
	return c
}

// run measures what list names, and writes the documents.
func run(ctx context.Context, list string, stdout, stderr io.Writer) error {
	wanted, err := choose(list)
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
			return nil, command.Wrong("--measure=%s: %q cannot be measured; what can is %s, or all", list, name, names())
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
	return stage.Write(output, data, 0o644)
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
		if err := stage.Write(file, p.files[name], 0o644); err != nil {
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

// Command latency measures how long pause takes to leave as PID 1 when it gets SIGTERM, next to the ordinary Go program
// and C programs that do the same, and prints a table.
//
// The binaries come from the environment: PAUSE_LINUX_AMD64 (or that of the machine's own architecture) and, if set,
// PAUSE_IDIOMATIC. The C references are compiled on the spot, where a C compiler is on PATH.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"example.com/pause/bench/latency/stop"
	"example.com/pause/bench/lib/machine"
	"example.com/pause/bench/lib/progress"
	"example.com/pause/bench/programs/reference"
	"example.com/pause/tests/lib/pid1"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
)

func main() {
	pid1.Main()
	newCommand().Main()
}

func newCommand() *command.Command {
	c := &command.Command{
		Name: "latency",
		Call: "bazel run //bench/latency --",
		Summary: "Measures how long pause takes to leave as PID 1 when it gets SIGTERM, next to the ordinary Go program and C programs\n" +
			"that do the same, and prints a table.",
		Examples: []string{"bazel run //bench/latency", "bazel run //bench/latency -- --runs=1000"},
		Exit:     map[int]string{1: "failed, or pause did not end with status 0 in every run"},
	}
	runs := c.Flags.Int("runs", 100, "how `often` to run each program")
	file := c.Flags.String("json", "", "write the result to this `file` as well, as JSON")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error { return run(ctx, stdout, *runs, *file) }
	return c
}

// run measures and prints; it is an error if pause, in any run, did not end with status 0.
func run(ctx context.Context, stdout io.Writer, runs int, file string) error {
	if runs < 1 {
		return command.Wrong("--runs=%d: want 1 or more", runs)
	}
	dir, err := os.MkdirTemp("", "pause-latency-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	programs, err := collect(dir)
	if err != nil {
		return err
	}
	var r stop.Report
	if r.State, err = machine.Now(); err != nil {
		return err
	}
	line := progress.Start("measuring")
	results, err := stop.Measure(ctx, programs, runs, func(turn int) {
		line.Set(fmt.Sprintf("measuring, %d of %d runs", turn, runs))
	})
	line.Stop()
	if err != nil {
		return err
	}
	for _, result := range results {
		r.Programs = append(r.Programs, result.Summary())
	}
	if err := r.Text(stdout); err != nil {
		return err
	}
	if failed := results[0].Failed; failed > 0 {
		return fmt.Errorf("pause did not end with status 0 in %d of %d runs", failed, runs)
	}
	if file == "" {
		return nil
	}
	return stage.File(targets.FromWorkingDirectory(file), func(f *os.File) error { return r.JSON(f) })
}

// collect returns what to measure, pause first; it builds the references in folder dir.
func collect(dir string) ([]stop.Program, error) {
	host, ok := targets.Host()
	if !ok {
		return nil, errors.New("pause is not built for the architecture of this machine")
	}
	path, err := targets.Locate(host.Env())
	if err != nil {
		return nil, fmt.Errorf("%w; it names the binary to measure, and `bazel run //bench/latency` sets it", err)
	}
	programs := []stop.Program{{Name: "pause", Path: path}}
	if os.Getenv("PAUSE_IDIOMATIC") != "" {
		path, err := targets.Locate("PAUSE_IDIOMATIC")
		if err != nil {
			return nil, err
		}
		programs = append(programs, stop.Program{Name: "ordinary Go", Path: path})
	}
	references, missing, err := reference.Build(dir)
	if err != nil {
		return nil, err
	}
	for _, line := range missing {
		fmt.Fprintln(os.Stderr, "latency: left out:", line)
	}
	for _, r := range references {
		programs = append(programs, stop.Program{Name: r.Name, Path: r.Path})
	}
	return programs, nil
}

// Command latency measures how long pause takes to leave as PID 1 when it gets SIGTERM, next to the ordinary Go program
// and C programs that do the same, and prints a table.
//
// The binaries come from the environment: PAUSE_LINUX_AMD64 (or that of the machine's own architecture) and
// PAUSE_IDIOMATIC. The C programs are compiled on the spot, where a C compiler is on PATH.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pause/bench/lib"
	"example.com/pause/tests/lib/pid1"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/command"
)

func main() {
	pid1.Main()
	c := &command.Command{
		Name: "latency",
		Call: "./bazelw run //bench/latency --",
		Summary: "Measures how long pause takes to leave as PID 1 when it gets SIGTERM, next to the ordinary Go program and C programs\n" +
			"that do the same, and prints a table.",
		Examples: []string{"./bazelw run //bench/latency", "./bazelw run //bench/latency -- --runs=1000"},
	}
	runs := c.Flags.Int("runs", 100, "how `often` to run each program")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		if *runs < 1 {
			return command.Wrong("--runs=%d: want 1 or more", *runs)
		}
		return run(ctx, stdout, *runs)
	}
	c.Main()
}

// run measures and prints; it is an error if pause, in any run, did not end with status 0.
func run(ctx context.Context, stdout io.Writer, runs int) error {
	dir, err := os.MkdirTemp("", "pause-latency-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	programs, err := collect(dir)
	if err != nil {
		return err
	}
	machine, err := lib.Machine()
	if err != nil {
		return err
	}
	if err := measure(ctx, programs, runs); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "%s\n\n", machine); err != nil {
		return err
	}
	if err := lib.Table(stdout, table(programs)); err != nil {
		return err
	}
	if failed := programs[0].failed; failed > 0 {
		return fmt.Errorf("pause did not end with status 0 in %d of %d runs", failed, runs)
	}
	return nil
}

// A program is one to measure, and what was measured of it.
type program struct {
	name, path string
	took       []time.Duration // from SIGTERM to the end of the process, of the runs that ended with status 0
	failed     int             // runs that ended otherwise
	threads    int             // while asleep, in the last run
	rss        int64           // bytes resident while asleep, in the last run
}

// collect returns what to measure, pause first; it builds the C programs in folder dir.
func collect(dir string) ([]program, error) {
	host, ok := targets.Host()
	if !ok {
		return nil, errors.New("pause is not built for the architecture of this machine")
	}
	var programs []program
	for _, p := range []struct{ name, env string }{{"pause", host.Env()}, {"ordinary Go", "PAUSE_IDIOMATIC"}} {
		path, err := targets.Locate(p.env)
		if err != nil {
			return nil, fmt.Errorf("%w; it names a program to measure, and `./bazelw run //bench/latency` sets it", err)
		}
		programs = append(programs, program{name: p.name, path: path})
	}
	references, err := lib.References(dir, lib.Compilers...)
	if err != nil {
		return nil, err
	}
	for _, r := range references {
		programs = append(programs, program{name: r.Name, path: r.Path})
	}
	return programs, nil
}

// measure runs each program runs times. They take turns, so that whatever else the machine does strikes them alike. When ctx
// ends, it stops after the run that it is at.
func measure(ctx context.Context, programs []program, runs int) error {
	bar := lib.Progress("measuring", runs)
	defer bar.Finish()
	for turn := range runs {
		for i := range programs {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := programs[i].run(); err != nil {
				return fmt.Errorf("%s: %w", programs[i].name, err)
			}
		}
		bar.Set(turn + 1)
	}
	return nil
}

// run runs p as PID 1 of a namespace of its own, sends it SIGTERM once it is idle, and waits until it has ended.
func (p *program) run() error {
	process, err := pid1.Start(pid1.Spec{Argv: []string{p.path}})
	if err != nil {
		return err
	}
	defer process.Kill()
	if err := process.AwaitIdle(); err != nil {
		return err
	}
	stat, err := process.Stat()
	if err != nil {
		return err
	}
	p.threads = stat.Threads
	if p.rss, err = process.RSS(); err != nil {
		return err
	}

	asked := time.Now()
	if err := process.Signal(unix.SIGTERM); err != nil {
		return err
	}
	status, err := process.Wait()
	took := time.Since(asked)
	if err != nil {
		return err
	}
	if status.Exited() && status.ExitStatus() == 0 {
		p.took = append(p.took, took)
	} else {
		p.failed++
	}
	return nil
}

// table has a row for each program, with medians as multiples of the first one's.
func table(programs []program) [][]string {
	rows := [][]string{{"SIGTERM to exit, as PID 1", "runs", "failed", "median us", "95 % us", "times the first", "threads", "RSS kB"}}
	for _, p := range programs {
		median, ratio := lib.Median(p.took), "-"
		if first := lib.Median(programs[0].took); first > 0 && median > 0 {
			ratio = strconv.FormatFloat(float64(median)/float64(first), 'f', 2, 64)
		}
		rows = append(rows, []string{
			p.name, strconv.Itoa(len(p.took) + p.failed), strconv.Itoa(p.failed), lib.Thousands(median.Microseconds()),
			lib.Thousands(lib.Percentile(p.took, 95).Microseconds()), ratio, strconv.Itoa(p.threads), lib.Thousands(p.rss >> 10),
		})
	}
	return rows
}

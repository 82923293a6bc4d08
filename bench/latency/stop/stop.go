// Package stop measures how long a program that runs as PID 1 takes to leave once it is asked to.
package stop

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pause/tests/lib/pid1"
)

// A Program is one to measure.
type Program struct {
	Name string // for the table
	Path string
}

// A Result is what was measured of a Program.
type Result struct {
	Program
	Bytes   int64           // of the program's file
	Took    []time.Duration // from SIGTERM to the end of the process, ascending; of the runs that ended with status 0
	Failed  int             // runs that ended otherwise
	Threads int             // while asleep, in the last run
	RSS     int64           // bytes resident while asleep, in the last run
}

// Measure runs each program runs times as PID 1 of a namespace of its own, sends it SIGTERM once it is idle, and waits
// until it has ended. The programs take turns, so that whatever else the machine does strikes them alike. Progress, if
// not nil, is called after each turn. When ctx ends, it stops after the run that it is at.
func Measure(ctx context.Context, programs []Program, runs int, progress func(turn int)) ([]Result, error) {
	results := make([]Result, len(programs))
	for i, p := range programs {
		info, err := os.Stat(p.Path)
		if err != nil {
			return nil, err
		}
		results[i].Program, results[i].Bytes = p, info.Size()
	}
	for turn := range runs {
		for i := range results {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err := results[i].run(); err != nil {
				return nil, fmt.Errorf("%s: %w", results[i].Name, err)
			}
		}
		if progress != nil {
			progress(turn + 1)
		}
	}
	for i := range results {
		slices.Sort(results[i].Took)
	}
	return results, nil
}

// run adds one run to r.
func (r *Result) run() error {
	p, err := pid1.Start(pid1.Spec{Argv: []string{r.Path}})
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := p.AwaitIdle(); err != nil {
		return err
	}
	stat, err := p.Stat()
	if err != nil {
		return err
	}
	r.Threads = stat.Threads
	if r.RSS, err = p.RSS(); err != nil {
		return err
	}

	asked := time.Now()
	if err := p.Signal(unix.SIGTERM); err != nil {
		return err
	}
	status, err := p.Wait()
	took := time.Since(asked)
	if err != nil {
		return err
	}
	if !status.Exited() || status.ExitStatus() != 0 {
		r.Failed++
		return nil
	}
	r.Took = append(r.Took, took)
	return nil
}

// Summary sums up what was measured.
func (r Result) Summary() Summary {
	return Summarize(r.Name, r.Took, r.Failed, r.Threads, r.RSS, r.Bytes)
}

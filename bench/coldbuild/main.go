// Command coldbuild measures how long a build of all nine images takes on a machine that has built nothing yet, next to
// the ordinary image of one architecture, and how long each takes when there is nothing left to do. It prints a table.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"example.com/pause/bench/coldbuild/report"
	"example.com/pause/bench/lib/bazel"
	"example.com/pause/bench/lib/machine"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
)

// builds are what is compared, ours first.
var builds = []struct{ name, target string }{
	{"pause, nine architectures", "//images:pause"},
	{"ordinary Go, one architecture", "//bench/programs/idiomatic:image"},
}

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name: "coldbuild",
		Call: "bazel run //bench/coldbuild --",
		Summary: "Measures how long a build of all nine images takes where nothing was built yet, next to the ordinary image of one\n" +
			"architecture, and how long each takes when there is nothing left to do. It prints a table.",
		Examples: []string{
			"bazel run //bench/coldbuild",
			"bazel run //bench/coldbuild -- --rounds=5 --json=coldbuild.json",
		},
	}
	var flags bazel.Flags
	flags.Declare(&c.Flags)
	rounds := c.Flags.Int("rounds", 3, "how `many` times to build each from cold; the table has medians")
	output := c.Flags.String("json", "", "`file` to write the result to as well, as JSON")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) (err error) {
		if *rounds < 1 {
			return command.Wrong("--rounds=%d: want 1 or more", *rounds)
		}
		site, err := flags.Open(ctx, "pause-coldbuild")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bazel.RemoveAll(site.Dir)) }()
		m := measurement{Site: site, ctx: ctx}
		return m.all(*rounds, *output, stdout)
	}
	return c
}

// A measurement is one run of this command.
type measurement struct {
	bazel.Site
	ctx context.Context
}

// all builds everything rounds times, prints the table, and writes the result to the file output unless that is "".
func (m *measurement) all(rounds int, output string, stdout io.Writer) error {
	state, err := machine.Now()
	if err != nil {
		return err
	}
	result := report.Report{State: state, Rounds: rounds}
	for _, b := range builds {
		result.Builds = append(result.Builds, report.Build{Name: b.name, Target: b.target})
	}
	// Round by round, so that whatever else the machine does falls on both.
	for round := range rounds {
		for i := range builds {
			if err := m.build(&result.Builds[i], round); err != nil {
				return fmt.Errorf("%s: %w", builds[i].target, err)
			}
		}
	}
	if err := result.Text(stdout); err != nil || output == "" {
		return err
	}
	return stage.File(targets.FromWorkingDirectory(output), func(f *os.File) error { return result.JSON(f) })
}

// idle is how often each build is repeated with nothing to do.
const idle = 5

// build builds b on a new output base, with no cache of any kind and no server up, then again with nothing to do, and adds
// the times to b.
func (m *measurement) build(b *report.Build, round int) (err error) {
	base := filepath.Join(m.Dir, strings.Trim(strings.NewReplacer("/", "-", ":", "-").Replace(b.Target), "-")+"-"+strconv.Itoa(round))
	if err := bazel.Seed(base, m.Repositories); err != nil {
		return err
	}
	r := bazel.Run{
		Workspace: m.Workspace, OutputBase: base, Command: "build", Log: m.Log,
		// nogo would check the ordinary program, and is itself compiled for it: that is no part of a build.
		Args: []string{"--disk_cache=", "--remote_cache=", "--norun_validations", b.Target},
	}
	defer func() { err = errors.Join(err, r.Shutdown(), bazel.RemoveAll(base)) }()
	line := m.Progress(b.Target)
	cold, err := r.Do(m.ctx)
	line.Stop()
	if err != nil {
		return err
	}
	if cold.Hits() > 0 {
		return fmt.Errorf("%d actions came from a cache, and none was to", cold.Hits())
	}
	b.Actions = cold.Executed()
	b.Cold = append(b.Cold, cold.Wall.Seconds())
	fmt.Fprintf(os.Stderr, "coldbuild: round %d: %s: %.1f s, %d actions\n", round+1, b.Target, cold.Wall.Seconds(), b.Actions)
	for range idle {
		again, err := r.Do(m.ctx)
		if err != nil {
			return err
		}
		if again.Executed() > 0 {
			return fmt.Errorf("built again at once, %d actions ran", again.Executed())
		}
		b.Idle = append(b.Idle, again.Wall.Seconds())
	}
	return nil
}

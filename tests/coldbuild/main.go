// Command coldbuild measures how long a build of all nine images takes on a machine that has built nothing yet, next to
// the ordinary image of one architecture, and how long each takes when there is nothing left to do. It prints a table.
//
//	bazel run //tests/coldbuild
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"example.com/pause/tests/bazel"
	"example.com/pause/tests/coldbuild/report"
	"example.com/pause/tools/stage"
)

// builds are what is compared, ours first.
var builds = []struct{ name, target string }{
	{"pause, nine architectures", "//images:pause"},
	{"ordinary Go, one architecture", "//tests/idiomatic:image"},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "coldbuild:", err)
		stop()
		os.Exit(1)
	}
}

// run is main without the process.
func run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	flags := flag.NewFlagSet("coldbuild", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	rounds := flags.Int("rounds", 3, "how `many` times to build each from cold; the table has medians")
	output := flags.String("json", "", "`file` to write the result to as well, as JSON")
	scratch := flags.String("scratch", "", "`folder` in the home folder to work in, about 4 GB (default: a new one in the user's cache folder)")
	repositories := flags.String("repositories", "", "output `base` to copy external repositories from (default: this checkout's own)")
	verbose := flags.Bool("verbose", false, "show what Bazel says")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(stdout, "Usage: bazel run //tests/coldbuild -- [flags]")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return nil
	} else if err != nil {
		return err
	}
	if *rounds < 1 {
		return fmt.Errorf("--rounds is %d; it must be at least 1", *rounds)
	}
	workspace, err := bazel.Workspace()
	if err != nil {
		return err
	}
	if *output != "" && !filepath.IsAbs(*output) {
		*output = filepath.Join(workspace, *output)
	}
	m := measurement{ctx: ctx, workspace: workspace, repositories: *repositories, progress: os.Stderr}
	if *verbose {
		m.log = os.Stderr
	}
	if m.repositories == "" {
		if m.repositories, err = bazel.OutputBase(ctx, workspace); err != nil {
			return err
		}
	}
	if m.dir, err = bazel.Scratch(*scratch, "pause-coldbuild"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bazel.RemoveAll(m.dir)) }()

	result := report.Report{Machine: report.ThisMachine(), Rounds: *rounds}
	for _, b := range builds {
		result.Builds = append(result.Builds, report.Build{Name: b.name, Target: b.target})
	}
	// Round by round, so that whatever else the machine does falls on both.
	for round := range *rounds {
		for i := range builds {
			if err := m.build(&result.Builds[i], round); err != nil {
				return fmt.Errorf("%s: %w", builds[i].target, err)
			}
		}
	}
	if err := result.Write(stdout); err != nil || *output == "" {
		return err
	}
	return stage.File(*output, func(f *os.File) error {
		encoder := json.NewEncoder(f)
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	})
}

// A measurement is one run of this command.
type measurement struct {
	ctx          context.Context
	workspace    string
	repositories string // the output base to copy external repositories from
	dir          string // for everything that is made
	progress     io.Writer
	log          io.Writer // for what Bazel says, or nil
}

// idle is how often each build is repeated with nothing to do.
const idle = 5

// build builds b on a new output base, with no cache of any kind and no server up, then again with nothing to do, and adds
// the times to b.
func (m *measurement) build(b *report.Build, round int) (err error) {
	base := filepath.Join(m.dir, strings.Trim(strings.NewReplacer("/", "-", ":", "-").Replace(b.Target), "-")+"-"+strconv.Itoa(round))
	if err := bazel.Seed(base, m.repositories); err != nil {
		return err
	}
	r := bazel.Run{
		Workspace: m.workspace, OutputBase: base, Command: "build", Log: m.log,
		Args: []string{"--disk_cache=", "--remote_cache=", b.Target},
	}
	defer func() { err = errors.Join(err, r.Shutdown(), bazel.RemoveAll(base)) }()
	cold, err := r.Do(m.ctx)
	if err != nil {
		return err
	}
	if cold.Hits() > 0 {
		return fmt.Errorf("%d actions came from a cache, and none was to", cold.Hits())
	}
	b.Actions = cold.Executed()
	b.Cold = append(b.Cold, cold.Wall.Seconds())
	fmt.Fprintf(m.progress, "coldbuild: round %d: %s: %.1f s, %d actions\n", round+1, b.Target, cold.Wall.Seconds(), b.Actions)
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

// Command figures writes every figure that the documents quote from what the build gives and from what was measured.
//
//	./bazelw run //:figures
//
// Tables stand in blocks of the documents, between two lines
//
//	<!-- figures: NAME -->
//	<!-- /figures -->
//
// and a plot beside them. What the build determines is written anew each time. What takes a quiet machine and minutes is
// what the command of that name printed when it was last measured, and is measured again with --measure.
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
	"slices"
	"strings"

	"example.com/pause/bench/lib/bazel"
	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
)

// A measurement is what takes a quiet machine and minutes.
type measurement struct {
	name, target string   // of its block, and the command as a label
	flags        []string // what it is given; paths are from the root of the checkout
	summary      string   // for the usage
}

// measurements are in the order in which they are made.
var measurements = []measurement{
	{"latency", "//bench/latency", nil, "from SIGTERM to exit; seconds, and a C compiler for the comparison"},
	{"build", "//bench/coldbuild", nil, "building from nothing; tens of minutes, and 4 GB of disk"},
	{"fleet", "//bench/fleet", []string{"--count=10000", "--compare"}, "10,000 containers; minutes, crun and root"},
	{"pods", "//bench/fleet", []string{"--engine=containerd", "--count=100"}, "100 pods of each kind; minutes, containerd, CNI plugins and root"},
	{"cache", "//bench/cache", nil, "builds with a remote cache; minutes, nginx"},
}

func main() {
	var summary strings.Builder
	summary.WriteString("Writes every table of figures in README.md and docs/*.md, and the plot beside them, and prints the name of each file\n" +
		"that it changed. What can be measured again, each by a command of its own, on a machine that does nothing else:\n")
	var names []string
	for _, m := range measurements {
		fmt.Fprintf(&summary, "\n- %s: %s", m.name, m.summary)
		names = append(names, m.name)
	}
	c := &command.Command{
		Name:    "figures",
		Call:    "./bazelw run //:figures --",
		Summary: summary.String(),
		Examples: []string{
			"./bazelw run //:figures", "./bazelw run //:figures -- --measure=latency,cache", "./bazelw run //:figures -- --measure=" + strings.Join(names, ","),
		},
	}
	var wanted []string
	c.Flags.Func("measure", "`names` of what to measure again, with commas between them", func(list string) error {
		for name := range strings.SplitSeq(list, ",") {
			if !slices.Contains(names, name) {
				return fmt.Errorf("%q cannot be measured; what can is %s", name, strings.Join(names, ", "))
			}
			wanted = append(wanted, name)
		}
		return nil
	})
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		workspace, err := bazel.Workspace()
		if err != nil {
			return err
		}
		contents, err := measureBuild()
		if err != nil {
			return err
		}
		for _, m := range measurements {
			if !slices.Contains(wanted, m.name) {
				continue
			}
			if contents.blocks[m.name], err = m.measure(ctx, workspace); err != nil {
				return fmt.Errorf("%s, which stays as it was: %w", m.name, err)
			}
		}
		files, outdated, err := contents.generate(os.DirFS(workspace))
		if err != nil {
			return err
		}
		return errors.Join(write(files, workspace, stdout), outdated)
	}
	c.Main()
}

// measure runs the command of m, and returns what it printed.
func (m measurement) measure(ctx context.Context, workspace string) (string, error) {
	fmt.Fprintf(os.Stderr, "figures: measuring %s\n", m.name)
	var printed bytes.Buffer
	r := bazel.Run{
		Workspace: workspace, Command: "run", Stdout: &printed, Log: os.Stderr, Args: slices.Concat([]string{m.target, "--"}, m.flags),
		// What it runs has runfiles of its own, and the paths that it is given are from the root.
		Env: []string{"RUNFILES_DIR=", "RUNFILES_MANIFEST_FILE=", "BUILD_WORKING_DIRECTORY=" + workspace},
	}
	_, err := r.Do(ctx)
	return code(printed.String()), err
}

// write replaces the files that are not as they ought to be, and prints their names.
func write(files map[string][]byte, workspace string, stdout io.Writer) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := filepath.Join(workspace, name)
		old, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && bytes.Equal(old, files[name]) {
			continue
		}
		if err := stage.Write(file, files[name], 0o644); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(stdout, name); err != nil {
			return err
		}
	}
	return nil
}

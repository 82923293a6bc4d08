// Command coldbuild measures how long builds take on a machine that has built nothing yet, next to what people would have
// instead; how long they take with nothing to do; and how long an edit of the program takes to reach the images.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"example.com/pause/bench/lib"
	"example.com/pause/bench/lib/bazel"
	"example.com/pause/tools/command"
)

// A build is a row of the table: a target, and the wall-clock seconds of whole commands, the start of Bazel's server included
// when cold.
type build struct {
	name, command, target string
	edit                  bool // whether to edit the program, too
	once                  bool // whether one round is enough

	actions            int // that ran a process when cold
	cold, idle, edited []float64
}

// rows are what is measured. The ratio is of each to the first.
func rows() []build {
	return []build{
		{name: "pause, nine architectures", command: "build", target: "//images:pause", edit: true},
		{name: "ordinary Go, one architecture", command: "build", target: "//example:image"},
		// In sealed mode a drop-in stands in for rules_oci, and has to be compiled; online its tools are downloaded. The program
		// alone is what is left without any of that.
		{name: "the same without image", command: "build", target: "//example:pause"},
		{name: "all tests", command: "test", target: "//...", once: true},
	}
}

func main() {
	c := &command.Command{
		Name: "coldbuild",
		Call: "./bazelw run //bench/coldbuild --",
		Summary: "Measures, in a copy of the checkout: how long a build of all nine images takes where nothing was built yet, next to the\n" +
			"ordinary image and the ordinary program of one architecture; how long all tests take; how long each takes when there is\n" +
			"nothing left to do; and how long it takes from an edit of pause.go to the images. It prints a table.",
		Examples: []string{"./bazelw run //bench/coldbuild", "./bazelw run //bench/coldbuild -- --rounds=5"},
	}
	scratch := bazel.Declare(&c.Flags)
	rounds := c.Flags.Int("rounds", 3, "how `many` times to build each from cold, the tests once; the table has medians")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) (err error) {
		if *rounds < 1 {
			return command.Wrong("--rounds=%d: want 1 or more", *rounds)
		}
		site, err := bazel.Open(ctx, *scratch, "pause-coldbuild")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bazel.RemoveAll(site.Dir)) }()
		return measure(ctx, site, *rounds, stdout)
	}
	c.Main()
}

// measure builds everything and prints the table.
func measure(ctx context.Context, site bazel.Site, rounds int, stdout io.Writer) error {
	machine, err := lib.Machine()
	if err != nil {
		return err
	}
	checkout := filepath.Join(site.Dir, "checkout")
	if err := site.Copy(checkout); err != nil {
		return err
	}
	site.Workspace = checkout
	builds := rows()
	// Round by round, so that whatever else the machine does falls on all.
	for round := range rounds {
		for i := range builds {
			if b := &builds[i]; round == 0 || !b.once {
				if err := b.measure(ctx, site); err != nil {
					return fmt.Errorf("%s: %w", b.target, err)
				}
				fmt.Fprintf(os.Stderr, "coldbuild: round %d: %s: %.1f s, %d actions\n", round+1, b.target, b.cold[len(b.cold)-1], b.actions)
			}
		}
	}
	if _, err := fmt.Fprintf(stdout, "%s; medians of %d\n\n", machine, rounds); err != nil {
		return err
	}
	return lib.Table(stdout, table(builds))
}

// measure builds b on a new output base, with no cache of any kind and no server up, then again with nothing to do, then after
// edits, and adds the times to b.
func (b *build) measure(ctx context.Context, site bazel.Site) (err error) {
	base := filepath.Join(site.Dir, "base")
	if err := site.Seed(base); err != nil {
		return err
	}
	r := bazel.Run{
		Workspace: site.Workspace, OutputBase: base, Command: b.command, Args: []string{"--disk_cache=", "--remote_cache=", b.target},
	}
	defer func() { err = errors.Join(err, r.Shutdown(), bazel.RemoveAll(base)) }()
	do := func(what string, times *[]float64) (bazel.Counts, error) {
		counts, err := site.Do(ctx, b.target+", "+what, r)
		*times = append(*times, counts.Wall.Seconds())
		return counts, err
	}
	cold, err := do("cold", &b.cold)
	if err != nil {
		return err
	}
	if cold.Hits() > 0 {
		return fmt.Errorf("%d actions came from a cache, and none was to", cold.Hits())
	}
	b.actions = cold.Executed()
	for range 5 {
		again, err := do("nothing to do", &b.idle)
		if err != nil {
			return err
		}
		// A test with the tag external runs each time.
		if again.Executed() > 0 && b.command != "test" {
			return fmt.Errorf("built again at once, %d actions ran", again.Executed())
		}
	}
	if !b.edit {
		return nil
	}
	// There and back, twice.
	for _, number := range []int{11, 10, 11, 10} {
		if err := edit(site.Workspace, number); err != nil {
			return err
		}
		edited, err := do("edited", &b.edited)
		if err != nil {
			return err
		}
		if edited.Executed() == 0 {
			return errors.New("no action ran after an edit")
		}
	}
	return nil
}

// constant is a number in the program that changes a byte of each binary, and the size of none.
var constant = regexp.MustCompile(`\beCHILD( *)= \d+`)

// edit sets that number in a checkout.
func edit(checkout string, number int) error {
	file := filepath.Join(checkout, "pause", "pause.go")
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	edited := constant.ReplaceAll(old, fmt.Appendf(nil, "eCHILD$1= %d", number))
	if bytes.Equal(edited, old) {
		return fmt.Errorf("%s has no line that this knows how to edit: %v", file, constant)
	}
	return os.WriteFile(file, edited, 0o644)
}

// table shows builds.
func table(builds []build) [][]string {
	seconds := func(times []float64, format string) string {
		if len(times) == 0 {
			return "-"
		}
		return fmt.Sprintf(format, lib.Median(times))
	}
	rows := [][]string{{"build", "target", "actions", "cold, s", "times the first", "nothing to do, s", "edit, s"}}
	for _, b := range builds {
		rows = append(rows, []string{
			b.name, b.target, strconv.Itoa(b.actions), seconds(b.cold, "%.1f"),
			fmt.Sprintf("%.2f", lib.Median(b.cold)/lib.Median(builds[0].cold)), seconds(b.idle, "%.2f"), seconds(b.edited, "%.1f"),
		})
	}
	return rows
}

// Command sizes prints what pause weighs: its nine binaries, and its images if it is told where they are, against the
// budgets and next to what others would have built.
//
// The binaries come from the environment variables PAUSE_LINUX_AMD64 and so on, and --idiomatic and the two layouts from
// PAUSE_IDIOMATIC, PAUSE_LAYOUT and PAUSE_IDIOMATIC_LAYOUT if the flags are not given: each a path, or one in Bazel's runfiles.
// The C references are compiled on the spot, where a C compiler is on PATH.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"example.com/pause/bench/programs/reference"
	"example.com/pause/bench/sizes/size"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/command"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name: "sizes",
		Call: "bazel run //bench/sizes --",
		Summary: "Prints what pause weighs, its nine binaries and its images, against the budgets and next to what others would have\n" +
			"built.",
		Examples: []string{"bazel run //bench/sizes"},
	}
	var o options
	c.Flags.StringVar(&o.idiomatic, "idiomatic", os.Getenv("PAUSE_IDIOMATIC"), "the ordinary Go `binary` to compare with")
	c.Flags.StringVar(&o.layout, "layout", os.Getenv("PAUSE_LAYOUT"), "`folder` with the OCI layout of the images to measure")
	c.Flags.StringVar(&o.idiomaticLayout, "idiomatic-layout", os.Getenv("PAUSE_IDIOMATIC_LAYOUT"),
		"`folder` with the OCI layout of the ordinary image to compare with")
	c.Run = func(_ context.Context, _ []string, stdout io.Writer) error {
		// Nothing is printed unless all of it can be.
		var table, notes bytes.Buffer
		if err := run(&table, &notes, o); err != nil {
			return err
		}
		if _, err := notes.WriteTo(os.Stderr); err != nil {
			return err
		}
		_, err := table.WriteTo(stdout)
		return err
	}
	return c
}

// options are the flags; an empty one leaves its part of the tables out.
type options struct {
	idiomatic, layout, idiomaticLayout string
}

// run writes the tables to out, and what they lack to notes.
func run(out, notes io.Writer, o options) error {
	var ours []size.Row
	for _, t := range targets.All() {
		if os.Getenv(t.Env()) == "" {
			fmt.Fprintf(notes, "sizes: linux/%s is left out: %s is not set\n", t.Arch, t.Env())
			continue
		}
		path, err := targets.Locate(t.Env())
		if err != nil {
			return err
		}
		row, err := measure("linux/"+t.Arch, path)
		if err != nil {
			return err
		}
		ours = append(ours, row)
	}
	if len(ours) == 0 && o.layout == "" {
		return errors.New("nothing to measure: set PAUSE_LINUX_AMD64 and so on to the binaries, or give --layout; `bazel run //bench/sizes` does it all")
	}

	if len(ours) > 0 {
		others, err := comparison(notes, o)
		if err != nil {
			return err
		}
		if err := size.WriteBinaries(out, ours, others); err != nil {
			return err
		}
	}
	if o.layout == "" {
		return nil
	}
	if len(ours) > 0 {
		fmt.Fprintln(out)
	}
	return writeImages(out, o)
}

// comparison measures the programs to compare with.
func comparison(notes io.Writer, o options) ([]size.Row, error) {
	var others []size.Row
	here := " (" + runtime.GOOS + "/" + runtime.GOARCH + ")"
	if o.idiomatic != "" {
		path, err := targets.Resolve(o.idiomatic)
		if err != nil {
			return nil, err
		}
		row, err := measure("ordinary Go"+here, path)
		if err != nil {
			return nil, err
		}
		others = append(others, row)
	}
	dir, err := os.MkdirTemp("", "pause-sizes-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	programs, missing, err := reference.Build(dir)
	if err != nil {
		return nil, err
	}
	for _, line := range missing {
		fmt.Fprintln(notes, "sizes: left out:", line)
	}
	for _, p := range programs {
		row, err := measure(p.Name+here, p.Path)
		if err != nil {
			return nil, err
		}
		others = append(others, row)
	}
	return append(others, size.Row{Name: "registry.k8s.io/pause:3.9, as published", Bytes: size.KubernetesBinary}), nil
}

// writeImages writes the table of images.
func writeImages(out io.Writer, o options) error {
	dir, err := targets.Resolve(o.layout)
	if err != nil {
		return err
	}
	images, err := size.Images(dir)
	if err != nil {
		return err
	}
	var others []size.Row
	if o.idiomaticLayout != "" {
		dir, err := targets.Resolve(o.idiomaticLayout)
		if err != nil {
			return err
		}
		ordinary, err := size.Images(dir)
		if err != nil {
			return err
		}
		for _, i := range ordinary {
			others = append(others, size.Row{Name: "ordinary Go (" + i.Platform + ")", Bytes: i.Total()})
		}
	}
	others = append(others, size.Row{Name: "C with musl, as published", Bytes: size.ArticleImage})
	return size.WriteImages(out, images, others)
}

// measure returns the size of the file at path as a row.
func measure(name, path string) (size.Row, error) {
	info, err := os.Stat(path)
	if err != nil {
		return size.Row{}, err
	}
	return size.Row{Name: name, Bytes: info.Size()}, nil
}

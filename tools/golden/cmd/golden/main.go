// Command golden compares an OCI layout with a golden file, or writes the golden file of one.
package main

import (
	"context"
	"fmt"
	"io"

	"example.com/pause/tools/command"
	"example.com/pause/tools/golden"
	"example.com/pause/tools/oci"
)

func main() { newCommand().Main() }

const call = "go run ./tools/golden/cmd/golden"

func newCommand() *command.Command {
	exit := map[int]string{0: "the digests are equal", 1: "the digests differ; the output says in what", 2: "wrong usage or bad input"}
	check := &command.Command{
		Name:     "check",
		Summary:  "Compares the image or image index of an OCI layout with a golden file.",
		Required: []string{"layout", "golden"},
		Examples: []string{call + " check --layout bazel-bin/images/pause --golden images/digests/pause.txt"},
		Exit:     exit,
	}
	layout := check.Flags.String("layout", "", "`folder` of an OCI layout")
	file := check.Flags.String("golden", "", "golden `file`")
	accept := check.Flags.String("accept", "", "`command` that writes the golden file anew, to be named if the digests differ")
	check.Run = func(_ context.Context, _ []string, stdout io.Writer) error {
		got, err := record(*layout)
		if err != nil {
			return command.Wrong("%w", err)
		}
		want, err := golden.ReadFile(*file)
		if err != nil {
			return command.Wrong("%w", err)
		}
		differences := golden.Compare(want, got)
		if differences == nil {
			fmt.Fprintf(stdout, "PASS %s: %s\n", *file, got.Summary())
			return nil
		}
		fmt.Fprintf(stdout, "FAIL %s: %s\n", *file, got.Summary())
		for _, line := range differences {
			fmt.Fprintln(stdout, "    "+line)
		}
		if *accept != "" {
			fmt.Fprintf(stdout, "    which is what this does: %s\n", *accept)
		}
		return command.ErrFailed
	}
	return &command.Command{
		Name:     "golden",
		Call:     call,
		Summary:  "Compares an OCI layout with a golden file, or writes the golden file of one.",
		Examples: append(check.Examples, call+" write --layout bazel-bin/images/pause --output pause.txt"),
		Exit:     exit,
		Commands: []*command.Command{check, write()},
	}
}

func write() *command.Command {
	c := &command.Command{
		Name:     "write",
		Summary:  "Writes the golden file of the image or image index of an OCI layout.",
		Required: []string{"layout", "output"},
		Examples: []string{call + " write --layout bazel-bin/images/pause --output pause.txt"},
		Exit:     map[int]string{2: "wrong usage or bad input"},
	}
	layout := c.Flags.String("layout", "", "`folder` of an OCI layout")
	output := c.Flags.String("output", "", "`file` to write")
	c.Run = func(context.Context, []string, io.Writer) error {
		got, err := record(*layout)
		if err == nil {
			err = got.WriteFile(*output)
		}
		if err != nil {
			return command.Wrong("%w", err)
		}
		return nil
	}
	return c
}

// record returns what a golden file has about the only image or index of the layout in folder dir.
func record(dir string) (*golden.Record, error) {
	layout, err := oci.Open(dir)
	if err != nil {
		return nil, err
	}
	root, err := layout.Only()
	if err != nil {
		return nil, err
	}
	got, err := golden.FromLayout(layout, root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return got, nil
}

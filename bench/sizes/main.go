// Command sizes prints what pause weighs: its nine binaries and images, against the budgets and next to what others would
// have built. The C programs are compiled on the spot, where a C compiler is on PATH.
package main

import (
	"context"
	"io"
	"os"

	"example.com/pause/bench/lib"
	"example.com/pause/tools/command"
)

func main() {
	c := command.Command{
		Name: "sizes",
		Call: "./bazelw run //bench/sizes --",
		Summary: "Prints what pause weighs, its nine binaries and its images, against the budgets and next to what others would have\n" +
			"built.",
		Examples: []string{"./bazelw run //bench/sizes"},
		Run:      func(_ context.Context, _ []string, stdout io.Writer) error { return run(stdout) },
	}
	c.Main()
}

func run(stdout io.Writer) error {
	ours, ordinary, err := lib.Sizes()
	if err != nil {
		return err
	}
	others := []lib.Size{ordinary}
	dir, err := os.MkdirTemp("", "pause-sizes-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	programs, err := lib.References(dir, lib.Compilers...)
	if err != nil {
		return err
	}
	for _, p := range programs {
		info, err := os.Stat(p.Path)
		if err != nil {
			return err
		}
		others = append(others, lib.Size{Name: p.Name, Program: info.Size()})
	}
	return lib.WriteSizes(stdout, ours, append(others, lib.Published...))
}

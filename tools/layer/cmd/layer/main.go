// Command layer makes a container image's layer out of one file: a gzip-compressed USTAR archive whose bytes depend on
// the file's content and the name alone, and that is as small as they can be.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"example.com/pause/tools/layer"
	"example.com/pause/tools/oci/stage"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "layer:", err)
		os.Exit(1)
	}
}

// run is main without the process: it writes to stdout and returns the error to report.
func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("layer", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	output := flags.String("output", "", "`file` to write, a .tar.gz")
	name := flags.String("name", "pause", "`path` of the file in the image, without a slash in front")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(stdout, "Usage: layer --output FILE.tar.gz [--name PATH] FILE")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return nil
	} else if err != nil {
		return err
	}
	if *output == "" {
		return errors.New("--output is needed")
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("exactly one file is needed, not %d", flags.NArg())
	}
	content, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		return err
	}
	blob, err := layer.Build(*name, content)
	if err != nil {
		return fmt.Errorf("%s: %w", flags.Arg(0), err)
	}
	return stage.File(*output, func(f *os.File) error {
		_, err := f.Write(blob)
		return err
	})
}

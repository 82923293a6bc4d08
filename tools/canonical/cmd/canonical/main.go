// Command canonical rewrites an OCI image layout into the canonical form that docs/images.md describes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"example.com/pause/tools/canonical"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "canonical:", err)
		os.Exit(1)
	}
}

// run is main without the process: it writes to stdout and returns the error to report.
func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("canonical", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	output := flags.String("output", "", "`folder` to make; the layout in canonical form")
	annotations := flags.String("annotations", "", "`file` of name=value lines to add to the layout's only image or index")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(stdout, "Usage: canonical --output FOLDER [--annotations FILE] LAYOUT")
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
		return fmt.Errorf("exactly one layout is needed, not %d", flags.NArg())
	}
	var lines []byte
	if *annotations != "" {
		var err error
		if lines, err = os.ReadFile(*annotations); err != nil {
			return err
		}
	}
	return canonical.WriteAnnotated(*output, flags.Arg(0), string(lines))
}

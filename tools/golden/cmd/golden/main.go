// Command golden compares an OCI layout with a golden file, or writes the golden file of one.
//
//	golden check --layout DIR --golden FILE
//	golden write --layout DIR --output FILE
//
// check exits 0 if the digests are equal, 1 with an explanation if they differ, and 2 on bad input.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"example.com/pause/tools/golden"
	"example.com/pause/tools/oci"
)

const usage = `usage:
  golden check --layout DIR --golden FILE   compare the image or image index of an OCI layout with a golden file
  golden write --layout DIR --output FILE   write the golden file of the image or image index of an OCI layout
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help" || args[0] == "help") {
		fmt.Fprint(stdout, usage)
		return 0
	}
	differences, err := dispatch(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "golden: %v\n", err)
		return 2
	case differences != nil:
		for _, line := range differences {
			fmt.Fprintln(stdout, "    "+line)
		}
		return 1
	}
	return 0
}

// dispatch runs the subcommand; the lines that it returns explain a difference.
func dispatch(args []string, stdout io.Writer) ([]string, error) {
	if len(args) == 0 {
		return nil, errors.New("say check or write; golden --help tells more")
	}
	flags := flag.NewFlagSet("golden", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	layout := flags.String("layout", "", "folder of an OCI layout")
	fileFlag := map[string]string{"check": "golden", "write": "output"}[args[0]]
	if fileFlag == "" {
		return nil, fmt.Errorf("unknown command %q; say check or write", args[0])
	}
	file := flags.String(fileFlag, "", "golden file")
	if err := flags.Parse(args[1:]); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *layout == "" || *file == "" {
		return nil, fmt.Errorf("%s needs --layout and --%s", args[0], fileFlag)
	}

	opened, err := oci.Open(*layout)
	if err != nil {
		return nil, err
	}
	root, err := opened.Only()
	if err != nil {
		return nil, err
	}
	got, err := golden.FromLayout(opened, root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", *layout, err)
	}
	if args[0] == "write" {
		return nil, got.WriteFile(*file)
	}
	want, err := golden.ReadFile(*file)
	if err != nil {
		return nil, err
	}
	differences := golden.Compare(want, got)
	verdict := "PASS"
	if differences != nil {
		verdict = "FAIL"
	}
	fmt.Fprintf(stdout, "%s %s: %s\n", verdict, *file, got.Summary())
	return differences, nil
}

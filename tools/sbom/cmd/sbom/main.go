// Command sbom writes what an image is made of, as an SPDX 2.3 document, and how it was made, as an in-toto statement with
// SLSA provenance.
//
//	sbom --image LAYOUT --version VERSION --module PATH --go-version VERSION --source FILE [--source FILE]... --output FILE
//	     [--name NAME] [--provenance FILE --target LABEL]
//
// Both depend on the inputs alone. Run it at the root of the repository: the names of the sources go into the documents.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"example.com/pause/tools/oci/stage"
	"example.com/pause/tools/sbom"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	err := write(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "sbom: %v\n", err)
		return 2
	}
	return 0
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func write(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var in sbom.Input
	var sources list
	layout := flags.String("image", "", "folder of the `OCI layout` of the image or image index")
	flags.StringVar(&in.Name, "name", "pause", "`name` of the image")
	flags.StringVar(&in.Version, "version", "", "`version` of the image")
	flags.StringVar(&in.Module, "module", "", "`path` of the Go module")
	flags.StringVar(&in.GoVersion, "go-version", "", "`version` of the Go toolchain")
	flags.Var(&sources, "source", "source `file` of the program, relative to the root of the repository; may be repeated")
	output := flags.String("output", "", "`file` to write the SPDX document to")
	provenance := flags.String("provenance", "", "`file` to write the in-toto statement to")
	target := flags.String("target", "", "Bazel `label` that was built, for the provenance")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(stdout, "usage: sbom --image DIR --version V --module M --go-version G --source FILE... --output FILE [--provenance FILE --target LABEL]")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
	}
	if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *layout == "" || *output == "" {
		return errors.New("--image and --output are needed: an OCI layout to describe, and a file to write to")
	}
	if (*provenance == "") != (*target == "") {
		return errors.New("--provenance and --target go together")
	}
	for _, file := range sources {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		in.Sources = append(in.Sources, sbom.File{Name: sourceName(file), Content: content})
	}
	if err := in.ReadLayout(*layout); err != nil {
		return err
	}
	document, err := in.SPDX()
	if err != nil {
		return err
	}
	if *provenance == "" {
		return save(*output, document)
	}
	statement, err := in.Provenance(*target)
	if err != nil {
		return err
	}
	if err := save(*provenance, statement); err != nil {
		return err
	}
	if err := save(*output, document); err != nil {
		// One without the other would be half an answer.
		return errors.Join(err, os.Remove(*provenance))
	}
	return nil
}

func save(output string, content []byte) error {
	return stage.File(output, func(f *os.File) error {
		_, err := f.Write(content)
		return err
	})
}

// outputTree is where Bazel puts generated files; it names the configuration, which is no property of the source.
var outputTree = regexp.MustCompile(`^bazel-out/[^/]+/bin/`)

func sourceName(file string) string {
	return outputTree.ReplaceAllString(filepath.ToSlash(file), "")
}

// Command structure checks an image of an OCI layout, without a daemon and without running it.
//
//	structure (--layout DIR | --archive FILE) --config FILE [--config FILE]... [--platform OS/ARCHITECTURE[/VARIANT]] [--digest FILE]
//	          [--max-bytes N] [--only-config] [--only-files PATH[,PATH]...] [--canonical-layer]
//
// It prints a line for each check, PASS or FAIL, and a summary. It exits 0 if all passed, 1 if one failed, and 2 on bad
// input: a layout that is damaged, a file of checks with a mistake, or nothing to check.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"example.com/pause/tools/golden"
	"example.com/pause/tools/oci"
	"example.com/pause/tools/structure"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	report, err := check(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "structure: %v\n", err)
		return 2
	}
	if _, err := report.WriteTo(stdout); err != nil {
		fmt.Fprintf(stderr, "structure: %v\n", err)
		return 2
	}
	if report.Failed() > 0 {
		return 1
	}
	return 0
}

// list is a flag that may be given more than once; each value may be a list with commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, strings.Split(value, ",")...)
	return nil
}

func check(args []string, stdout io.Writer) (*structure.Report, error) {
	flags := flag.NewFlagSet("structure", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	layout := flags.String("layout", "", "folder of the `OCI layout`")
	archive := flags.String("archive", "", "`file` as docker save writes it, instead of --layout; digests are not those of the layout that it was made of")
	var configs, onlyFiles list
	flags.Var(&configs, "config", "`file` of checks, YAML in schema 2.0.0 of container-structure-test; may be repeated")
	platformFlag := flags.String("platform", "", "`os/architecture[/variant]` that chooses the image of an index, and that config and ELF header must say")
	digestFile := flags.String("digest", "", "golden `file`; its first line is the digest that the image must have")
	maxBytes := flags.Int("max-bytes", 0, "most `bytes` that manifest, config and layers may have in all")
	onlyConfig := flags.Bool("only-config", false, "fail if the config says more about how to run the image than the files of checks name")
	flags.Var(&onlyFiles, "only-files", "absolute `paths` of all the entries that the layers may have; may be repeated")
	canonicalLayer := flags.Bool("canonical-layer", false, "fail unless there is one layer, in canonical form")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(stdout, "usage: structure (--layout DIR | --archive FILE) [--config FILE]... [FLAGS]")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
	}
	if err != nil {
		return nil, err
	}

	o := structure.Options{MaxBytes: *maxBytes, OnlyConfig: *onlyConfig, OnlyFiles: onlyFiles, CanonicalLayer: *canonicalLayer}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case (*layout == "") == (*archive == ""):
		return nil, errors.New("give either --layout, the folder of an OCI layout, or --archive")
	case given["max-bytes"] && *maxBytes <= 0:
		return nil, fmt.Errorf("--max-bytes is %d; it must be positive", *maxBytes)
	case len(given) == 1:
		return nil, errors.New("there is nothing to check: give --config or another check")
	}
	for _, name := range onlyFiles {
		if path.Clean(name) != name || !path.IsAbs(name) {
			return nil, fmt.Errorf("--only-files: %q is not a clean absolute path", name)
		}
	}
	if given["platform"] {
		platform, err := oci.ParsePlatform(*platformFlag)
		if err != nil {
			return nil, fmt.Errorf("--platform: %w", err)
		}
		if !structure.KnownArchitecture(platform.Architecture) {
			return nil, fmt.Errorf("--platform: the ELF machine of architecture %q is not known", platform.Architecture)
		}
		o.Platform = &platform
	}
	if given["digest"] {
		if o.Golden, err = golden.ReadFile(*digestFile); err != nil {
			return nil, fmt.Errorf("--digest: %w", err)
		}
	}
	var checks []*structure.Config
	for _, file := range configs {
		c, err := structure.ReadConfig(file)
		if err != nil {
			return nil, err
		}
		checks = append(checks, c)
	}
	if *archive != "" {
		dir, err := structure.Unpack(*archive)
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		*layout = dir
	}
	image, err := structure.Open(*layout, o.Platform)
	if err != nil {
		return nil, err
	}
	return image.Check(checks, o), nil
}

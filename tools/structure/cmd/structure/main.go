// Command structure checks an image of an OCI layout, without a daemon and without running it. It prints a line for each
// check, PASS or FAIL, and a summary.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"example.com/pause/tools/command"
	"example.com/pause/tools/golden"
	"example.com/pause/tools/oci"
	"example.com/pause/tools/structure"
)

func main() { newCommand().Main() }

// options are the flags.
type options struct {
	layout, archive    string
	configs, onlyFiles command.List
	platform, digest   string
	maxBytes           int
	onlyConfig         bool
	canonicalLayer     bool
}

func newCommand() *command.Command {
	c := &command.Command{
		Name:    "structure",
		Call:    "go run ./tools/structure/cmd/structure",
		Summary: "Checks an image of an OCI layout, without a daemon and without running it: a line for each check, PASS or FAIL.",
		Examples: []string{
			"go run ./tools/structure/cmd/structure --layout bazel-bin/images/pause --platform linux/amd64 --max-bytes 1024",
			"go run ./tools/structure/cmd/structure --archive pause.tar --config checks.yaml",
		},
		Exit: map[int]string{
			0: "every check passed", 1: "a check failed",
			2: "wrong usage or bad input: a damaged layout, a mistake in a file of checks, nothing to check",
		},
	}
	var o options
	c.Flags.StringVar(&o.layout, "layout", "", "`folder` of the OCI layout")
	c.Flags.StringVar(&o.archive, "archive", "",
		"`file` as docker save writes it, instead of --layout; digests are not those of the layout that it was made of")
	c.Flags.Var(&o.configs, "config", "`file` of checks, YAML in schema 2.0.0 of container-structure-test; may be repeated, or a list with commas")
	c.Flags.StringVar(&o.platform, "platform", "",
		"`os/architecture[/variant]` that chooses the image of an index, and that config and ELF header must say")
	c.Flags.StringVar(&o.digest, "digest", "", "golden `file`; its first line is the digest that the image must have")
	c.Flags.IntVar(&o.maxBytes, "max-bytes", 0, "most `bytes` that manifest, config and layers may have in all")
	c.Flags.BoolVar(&o.onlyConfig, "only-config", false, "fail if the config says more about how to run the image than the files of checks name")
	c.Flags.Var(&o.onlyFiles, "only-files", "absolute `paths` of all the entries that the layers may have; may be repeated, or a list with commas")
	c.Flags.BoolVar(&o.canonicalLayer, "canonical-layer", false, "fail unless there is one layer, in canonical form")
	c.Run = func(_ context.Context, _ []string, stdout io.Writer) error {
		given := map[string]bool{}
		c.Flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
		report, err := o.check(given)
		if err == nil {
			_, err = report.WriteTo(stdout)
		}
		if err != nil {
			return command.Wrong("%w", err)
		}
		if report.Failed() > 0 {
			return command.ErrFailed
		}
		return nil
	}
	return c
}

// check does the checks. given has the names of the flags that are there.
func (f *options) check(given map[string]bool) (_ *structure.Report, err error) {
	configs, onlyFiles := commas(f.configs), commas(f.onlyFiles)
	o := structure.Options{MaxBytes: f.maxBytes, OnlyConfig: f.onlyConfig, OnlyFiles: onlyFiles, CanonicalLayer: f.canonicalLayer}
	switch {
	case (f.layout == "") == (f.archive == ""):
		return nil, errors.New("give either --layout, the folder of an OCI layout, or --archive")
	case given["max-bytes"] && f.maxBytes <= 0:
		return nil, fmt.Errorf("--max-bytes is %d; it must be positive", f.maxBytes)
	case len(configs) == 0 && len(onlyFiles) == 0 && f.platform == "" && f.digest == "" && f.maxBytes == 0 && !f.onlyConfig && !f.canonicalLayer:
		return nil, errors.New("there is nothing to check: give --config or another check")
	}
	for _, name := range onlyFiles {
		if path.Clean(name) != name || !path.IsAbs(name) {
			return nil, fmt.Errorf("--only-files: %q is not a clean absolute path", name)
		}
	}
	if given["platform"] {
		platform, err := oci.ParsePlatform(f.platform)
		if err != nil {
			return nil, fmt.Errorf("--platform: %w", err)
		}
		if !structure.KnownArchitecture(platform.Architecture) {
			return nil, fmt.Errorf("--platform: the ELF machine of architecture %q is not known", platform.Architecture)
		}
		o.Platform = &platform
	}
	if given["digest"] {
		if o.Golden, err = golden.ReadFile(f.digest); err != nil {
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
	if f.archive != "" {
		dir, err := structure.Unpack(f.archive)
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		f.layout = dir
	}
	image, err := structure.Open(f.layout, o.Platform)
	if err != nil {
		return nil, err
	}
	return image.Check(checks, o), nil
}

// commas returns the values of a flag each of whose values may be a list with commas.
func commas(l command.List) []string {
	if len(l) == 0 {
		return nil
	}
	return strings.Split(l.String(), ",")
}

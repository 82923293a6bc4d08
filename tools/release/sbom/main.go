// Command sbom writes what an image is made of, as an SPDX 2.3 document, and how it was made, as an in-toto statement with
// SLSA provenance. Both are functions of their inputs alone: no clock, no host name and no random identifier goes into them,
// so whoever builds the same image gets the same documents, byte for byte.
//
// It is for programs without the Go runtime alone: the SPDX document says that nothing of the standard library is linked.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name: "sbom",
		Call: "go run ./tools/release/sbom",
		Summary: "Writes what an image is made of (SPDX 2.3) and how it was made (in-toto, SLSA provenance). Both depend on the inputs\n" +
			"alone. Run it at the root of the repository: the names of the sources go into the documents.",
		Required: []string{"image", "name", "version", "module", "license", "go-version", "output"},
		Examples: []string{
			"go run ./tools/release/sbom --image bazel-bin/images/pause --name pause --version 1.0.0 --module example.com/pause " +
				"--license Apache-2.0 --go-version 1.26.8 --source pause/pause.go --output pause.spdx.json",
		},
	}
	var in Input
	var sources command.List
	image := c.Flags.String("image", "", "`folder` with the image or index, an OCI layout")
	c.Flags.StringVar(&in.Name, "name", "", "`name` of the image, without registry and tag")
	c.Flags.StringVar(&in.Version, "version", "", "`version` of the image")
	c.Flags.StringVar(&in.Module, "module", "", "`path` of the Go module")
	c.Flags.StringVar(&in.License, "license", "", "`expression` of SPDX identifiers for the license of program and image, such as Apache-2.0")
	c.Flags.StringVar(&in.GoVersion, "go-version", "", "`version` of the Go toolchain")
	c.Flags.Var(&sources, "source", "source `file` of the program, relative to the root of the repository; may be repeated")
	output := c.Flags.String("output", "", "`file` to write the SPDX document to")
	provenance := c.Flags.String("provenance", "", "`file` to write the in-toto statement to; needs --target")
	target := c.Flags.String("target", "", "Bazel `label` that was built, for --provenance")
	builder := c.Flags.String("builder", DefaultBuilder, "`URI` of who vouches for the build, for --provenance: builder.id of SLSA v1")
	c.Run = func(context.Context, []string, io.Writer) error {
		if (*provenance == "") != (*target == "") {
			return command.Wrong("--provenance and --target go together")
		}
		for _, file := range sources {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			in.Sources = append(in.Sources, File{Name: sourceName(file), Content: content})
		}
		if err := in.ReadImage(*image); err != nil {
			return err
		}
		document, err := in.SPDX()
		if err != nil {
			return err
		}
		if *provenance == "" {
			return stage.Write(*output, document, 0o644)
		}
		statement, err := in.Provenance(*target, *builder)
		if err != nil {
			return err
		}
		if err := stage.Write(*provenance, statement, 0o644); err != nil {
			return err
		}
		if err := stage.Write(*output, document, 0o644); err != nil {
			// One without the other would be half an answer.
			return errors.Join(err, os.Remove(*provenance))
		}
		return nil
	}
	return c
}

// outputTree is where Bazel puts generated files; it names the configuration, which is no property of the source.
var outputTree = regexp.MustCompile(`^bazel-out/[^/]+/bin/`)

func sourceName(file string) string {
	return outputTree.ReplaceAllString(filepath.ToSlash(file), "")
}

// Command canonical rewrites an OCI image layout into the canonical form that docs/images.md describes.
package main

import (
	"context"
	"io"
	"os"

	"example.com/pause/tools/canonical"
	"example.com/pause/tools/command"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name:      "canonical",
		Call:      "go run ./tools/canonical/cmd/canonical",
		Summary:   "Writes an OCI layout again in canonical form, which makes its digest a function of its content alone.",
		Arguments: "LAYOUT",
		Required:  []string{"output"},
		Examples:  []string{"go run ./tools/canonical/cmd/canonical --output canonical bazel-bin/images/pause_oci"},
	}
	output := c.Flags.String("output", "", "`folder` to make; the layout in canonical form")
	annotations := c.Flags.String("annotations", "", "`file` of name=value lines to add to the layout's only image or index")
	c.Run = func(_ context.Context, args []string, _ io.Writer) error {
		var lines []byte
		if *annotations != "" {
			var err error
			if lines, err = os.ReadFile(*annotations); err != nil {
				return err
			}
		}
		return canonical.WriteAnnotated(*output, args[0], string(lines))
	}
	return c
}

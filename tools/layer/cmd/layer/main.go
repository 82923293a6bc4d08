// Command layer makes a container image's layer out of one file: a gzip-compressed USTAR archive that depends on the file's
// content and the name. Package layer says how small it is, and what else its bytes may depend on.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/layer"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name:      "layer",
		Call:      "go run ./tools/layer/cmd/layer",
		Summary:   "Makes the layer of an image out of one file: the same bytes everywhere, and as few as a bounded search finds.",
		Arguments: "FILE",
		Required:  []string{"output"},
		Examples:  []string{"go run ./tools/layer/cmd/layer --output pause.tar.gz bazel-bin/pause/pause"},
	}
	output := c.Flags.String("output", "", "`file` to write, a .tar.gz")
	name := c.Flags.String("name", "", "`path` of the file in the image, without a slash in front (default: the name of the file)")
	c.Run = func(_ context.Context, args []string, _ io.Writer) error {
		content, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		if *name == "" {
			*name = filepath.Base(args[0])
		}
		blob, err := layer.Build(*name, content)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		return stage.Write(*output, blob, 0o644)
	}
	return c
}

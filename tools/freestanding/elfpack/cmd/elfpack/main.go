// Command elfpack packs a freestanding program that cmd/link has linked. Package elfpack says how.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/freestanding/elfpack"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	return &command.Command{
		Name:      "elfpack",
		Call:      "go run ./tools/freestanding/elfpack/cmd/elfpack",
		Summary:   "Packs a freestanding program that cmd/link has linked into the tightest ELF file that conforms.",
		Arguments: "LINKED PACKED",
		Examples:  []string{"go run ./tools/freestanding/elfpack/cmd/elfpack linked pause"},
		Run: func(_ context.Context, args []string, _ io.Writer) error {
			linked, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			packed, err := elfpack.Pack(linked)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return stage.Write(args[1], packed, 0o755)
		},
	}
}

// Command freestanding builds a Go program that does without the Go runtime. Package freestanding says what it takes.
package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/freestanding"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name:      "freestanding",
		Call:      "go run ./tools/freestanding/cmd/freestanding",
		Summary:   "Builds a Go program that does without the Go runtime, packed into the tightest ELF file that conforms.",
		Arguments: "SOURCE...",
		Required:  []string{"sdk", "goarch", "program", "version", "output"},
		Examples: []string{
			`go run ./tools/freestanding/cmd/freestanding --sdk "$(go env GOROOT)" --goarch arm64 --program pause --version 1.0.0 ` +
				`--output pause_arm64 pause/*.go pause/*.s`,
		},
	}
	var config freestanding.Config
	c.Flags.StringVar(&config.SDK, "sdk", "", "root `folder` of the Go SDK to build with, which `go env GOROOT` prints")
	c.Flags.StringVar(&config.GOARCH, "goarch", "", "`architecture` of the program: "+strings.Join(freestanding.Architectures(), ", "))
	c.Flags.StringVar(&config.Program, "program", "", "`name` of the program, as it calls itself: printable ASCII")
	c.Flags.StringVar(&config.Version, "version", "", "`version` of the program: printable ASCII")
	output := c.Flags.String("output", "", "`file` to write")
	c.Run = func(_ context.Context, args []string, _ io.Writer) error {
		config.Srcs = args
		program, err := freestanding.Build(config)
		if err != nil {
			// The compiler may have had more than one line to say.
			return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		return stage.Write(*output, program, 0o755)
	}
	return c
}

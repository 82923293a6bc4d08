// Command rebuild builds all images without Bazel and compares them with the golden digests. docs/reproducibility.md says
// what that proves.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/rebuild"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name:    "rebuild",
		Call:    "go run ./tools/rebuild/cmd/rebuild",
		Summary: "Builds all images without Bazel and compares them with the golden digests: one line an image.",
		Examples: []string{
			"go run ./tools/rebuild/cmd/rebuild",
			"go run ./tools/rebuild/cmd/rebuild --output layouts",
		},
		Exit: map[int]string{0: "every digest is the golden one", 1: "a digest differs, or an image could not be built"},
	}
	source := c.Flags.String("source", ".", "`folder` of the checkout")
	sdk := c.Flags.String("sdk", "", "`folder` of the Go SDK, a GOROOT (default: that of the go command on PATH, in the checkout)")
	keep := c.Flags.String("output", "", "new `folder` to leave the OCI layouts in (default: they are removed)")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		if *sdk == "" {
			cmd := exec.CommandContext(ctx, "go", "env", "GOROOT")
			cmd.Dir = *source
			out, err := cmd.Output()
			if err != nil {
				return fmt.Errorf("go env GOROOT in %s: %w; give --sdk the folder of the Go SDK", *source, err)
			}
			*sdk = strings.TrimSpace(string(out))
		}
		var differ []string
		build := func(dir string) error {
			return rebuild.Run(ctx, *source, *sdk, dir, func(r rebuild.Result) {
				verdict := "same"
				if len(r.Differences) > 0 {
					verdict = "DIFFERS"
					differ = append(differ, r.Name)
				}
				fmt.Fprintf(stdout, "%-8s%-22s%s\n", verdict, r.Name, r.Record.Digest)
				for _, line := range r.Differences {
					fmt.Fprintln(stdout, "        "+line)
				}
			})
		}
		if err := within(*keep, build); err != nil {
			return err
		}
		if len(differ) > 0 {
			return fmt.Errorf("not what images/digests says: %s", strings.Join(differ, ", "))
		}
		return nil
	}
	return c
}

// within calls build with the new folder keep to fill or, if that is "", with one that is removed afterwards.
func within(keep string, build func(dir string) error) error {
	if keep != "" {
		return stage.Dir(keep, build)
	}
	dir, err := os.MkdirTemp("", "rebuild")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return build(dir)
}

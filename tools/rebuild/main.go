// Command rebuild builds all images a second time, without Bazel, and compares their digests with the golden files.
// docs/reproducibility.md says what that proves.
//
// It shares with the build the libraries that make a program and a layer. It shares neither Bazel (the action graph, the
// sandbox, the rule sets, the caches) nor the code that writes documents. What the images are it reads from the golden file of
// the index: platforms, version and annotations.
package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name: "rebuild",
		Call: "go run ./tools/rebuild",
		Summary: "Builds all images without Bazel and compares their digests with the golden files: one line an image.\n" +
			"It exits with 0 if every digest is the golden one.",
		Examples: []string{
			"go run ./tools/rebuild",
			"go run ./tools/rebuild --output rebuilt && go run ./tools/oci/cmd/oci golden --image rebuilt/pause | diff images/digests/pause.txt -",
		},
	}
	source := c.Flags.String("source", ".", "`folder` of the checkout")
	sdk := c.Flags.String("sdk", "", "`folder` of the Go SDK, a GOROOT (default: that of the go command on PATH, in the checkout)")
	output := c.Flags.String("output", "", "`folder` to make, with an OCI layout for each image")
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
		rebuild := func(dir string) error {
			return Run(ctx, *source, *sdk, dir, func(r Result) {
				verdict := "same"
				if r.Digest != r.Golden {
					verdict = "DIFFERS"
					differ = append(differ, r.Name)
				}
				fmt.Fprintf(stdout, "%-8s%-22s%s\n", verdict, r.Name, r.Digest)
			})
		}
		var err error
		if *output == "" {
			err = rebuild("")
		} else {
			err = stage.Dir(*output, rebuild)
		}
		if err == nil && len(differ) > 0 {
			err = fmt.Errorf("not what images/digests says: %s; --output keeps what was built", strings.Join(differ, ", "))
		}
		return err
	}
	return c
}

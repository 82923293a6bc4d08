// Command oci makes layers, and does with OCI images what rules_oci has no rule for: without a daemon, and without a network.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/layer"
	"example.com/pause/tools/oci"
)

func main() { newCommand().Main() }

const call = "go run ./tools/oci/cmd/oci"

func newCommand() *command.Command {
	return &command.Command{
		Name:     "oci",
		Call:     call,
		Summary:  "Makes layers, and works on an OCI image or image index in a folder, an OCI layout.",
		Examples: []string{call + " golden --image bazel-bin/images/pause"},
		Commands: []*command.Command{layerOfFile(), canonical(), archive(), artifact(), golden()},
	}
}

func layerOfFile() *command.Command {
	c := &command.Command{
		Name:      "layer",
		Summary:   "Makes the layer of an image out of one file: the same bytes everywhere, and as few as a bounded search finds.",
		Arguments: "FILE",
		Required:  []string{"name", "output"},
		Examples:  []string{call + " layer --name pause --output pause.tar.gz bazel-bin/pause/pause_linux_amd64"},
	}
	output := c.Flags.String("output", "", "`file` to write, a .tar.gz")
	name := c.Flags.String("name", "", "`path` of the file in the image, without a slash in front")
	c.Run = func(_ context.Context, args []string, _ io.Writer) error {
		content, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		blob, err := layer.Build(*name, content)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		return stage.Write(*output, blob, 0o644)
	}
	return c
}

func canonical() *command.Command {
	c := &command.Command{
		Name:     "canonical",
		Summary:  "Writes an image in canonical form: its digest is then a function of what it means.",
		Required: []string{"image", "output"},
		Examples: []string{call + " canonical --image bazel-bin/images/pause_oci --output canonical"},
	}
	image := imageFlag(c)
	output := c.Flags.String("output", "", "`folder` to make, an OCI layout")
	annotations := map[string]string{}
	c.Flags.Func("annotation", "`NAME=VALUE` to add to the manifest or index; may be repeated", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("%q is not NAME=VALUE", s)
		}
		annotations[name] = value
		return nil
	})
	c.Run = func(context.Context, []string, io.Writer) error { return oci.Canonical(*output, *image, annotations) }
	return c
}

func archive() *command.Command {
	c := &command.Command{
		Name:     "archive",
		Summary:  "Packs an image into one file, an OCI layout in a tar archive.",
		Required: []string{"image", "output"},
		Examples: []string{call + " archive --image bazel-bin/images/pause --repo-tag pause:1.0.0 --output pause.tar"},
	}
	image := imageFlag(c)
	output := c.Flags.String("output", "", "`file` to write")
	var tags command.List
	c.Flags.Var(&tags, "repo-tag", "`reference` such as pause:latest to call it by; may be repeated")
	text := c.Flags.Bool("text", false, "write one line of text, to paste: the archive, compressed by gzip, in base64")
	c.Run = func(context.Context, []string, io.Writer) error {
		i, err := oci.Open(*image)
		if err != nil {
			return err
		}
		pack := i.Archive
		if *text {
			pack = i.Text
		}
		content, err := pack(tags)
		if err != nil {
			return err
		}
		return stage.Write(*output, content, 0o644)
	}
	return c
}

func artifact() *command.Command {
	c := &command.Command{
		Name:     "artifact",
		Summary:  "Makes an artifact that attaches a file, such as an SBOM, to an image.",
		Required: []string{"image", "artifact-type", "file", "output"},
		Examples: []string{
			call + " artifact --image bazel-bin/images/pause --artifact-type application/spdx+json --file pause.spdx.json --output artifact",
		},
	}
	image := imageFlag(c)
	output := c.Flags.String("output", "", "`folder` to make, an OCI layout")
	artifactType := c.Flags.String("artifact-type", "", "media `type` that says what the file is")
	file := c.Flags.String("file", "", "`file` to attach")
	c.Run = func(context.Context, []string, io.Writer) error {
		return oci.Artifact(*output, *image, *artifactType, *file)
	}
	return c
}

func golden() *command.Command {
	c := &command.Command{
		Name:     "golden",
		Summary:  "Writes the golden file of an image: its digest, its documents, and its bytes where they are few.",
		Required: []string{"image"},
		Examples: []string{
			call + " golden --image bazel-bin/images/pause_linux_amd64 | diff images/digests/pause_linux_amd64.txt -",
		},
	}
	image := imageFlag(c)
	output := c.Flags.String("output", "", "`file` to write (default: standard output)")
	c.Run = func(_ context.Context, _ []string, stdout io.Writer) error {
		i, err := oci.Open(*image)
		if err != nil {
			return err
		}
		if *output == "" {
			return i.Golden(stdout)
		}
		var text bytes.Buffer
		if err := i.Golden(&text); err != nil {
			return err
		}
		return stage.Write(*output, text.Bytes(), 0o644)
	}
	return c
}

// imageFlag declares the flag that names what to read.
func imageFlag(c *command.Command) *string {
	return c.Flags.String("image", "", "`folder` with the image or index, an OCI layout")
}

// Command oci builds and packs OCI images without a daemon and without a network. It is what oci_image,
// oci_image_index and oci_load of sealed mode run; ocipush is its sibling that speaks to registries.
package main

import (
	"context"
	"errors"
	"io"
	"os"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/oci"
)

func main() { newCommand().Main() }

const call = "go run ./tools/oci/cmd/oci"

func newCommand() *command.Command {
	return &command.Command{
		Name:    "oci",
		Call:    call,
		Summary: "Builds and packs OCI images, without a daemon and without a network.",
		Examples: []string{
			call + " digest --layout bazel-bin/images/pause",
			call + " archive --format oci --layout bazel-bin/images/pause --output pause.tar",
		},
		Commands: []*command.Command{image(), index(), digest(), artifact(), archive()},
	}
}

// fileFlag declares a flag that names a file, and reads that into content.
func fileFlag(c *command.Command, content **string, name, usage string) {
	c.Flags.Func(name, usage, func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s := string(data)
		*content = &s
		return nil
	})
}

// layoutFlag declares the flag that names what to read.
func layoutFlag(c *command.Command) *string {
	return c.Flags.String("layout", "", "`folder` with an OCI layout of one image or index")
}

func image() *command.Command {
	c := &command.Command{
		Name:     "image",
		Summary:  "Builds the OCI layout of an image, from scratch or from another image.",
		Required: []string{"output"},
		Examples: []string{
			call + " image --os linux --architecture arm64 --layer pause.tar.gz --output image",
			call + " image --base image --workdir / --output other",
		},
	}
	var o oci.ImageOptions
	output := c.Flags.String("output", "", "`folder` to make; the image's OCI layout")
	c.Flags.StringVar(&o.Base, "base", "", "`folder` with the OCI layout of the image to build upon")
	c.Flags.StringVar(&o.Platform.OS, "os", "", "operating `system`, as GOOS names it; only without --base")
	c.Flags.StringVar(&o.Platform.Architecture, "architecture", "", "`architecture`, as GOARCH names it; only without --base")
	c.Flags.StringVar(&o.Platform.Variant, "variant", "", "`variant` of the architecture, such as v7; only without --base")
	c.Flags.Func("layer", "tar `archive`, plain or compressed by gzip or zstd, to add as a layer; may be repeated", func(path string) error {
		o.Layers = append(o.Layers, oci.Layer{Path: path})
		return nil
	})
	c.Flags.Func("created-by", "`text` that the history has about the layer before", func(text string) error {
		if len(o.Layers) == 0 {
			return errors.New("it must follow a --layer")
		}
		o.Layers[len(o.Layers)-1].CreatedBy = text
		return nil
	})
	c.Flags.StringVar(&o.User, "user", "", "`user` or user:group that the container runs as, by name or number")
	c.Flags.StringVar(&o.Workdir, "workdir", "", "`folder` that the container starts in")
	fileFlag(c, &o.Entrypoint, "entrypoint", "`file` with the entrypoint, one argument a line, %5Cn for a line end within one; resets the base's command")
	fileFlag(c, &o.Cmd, "cmd", "`file` with the command, as --entrypoint")
	fileFlag(c, &o.Env, "env", "`file` of NAME=VALUE lines; $NAME and ${NAME} stand for values from the base or from lines before")
	fileFlag(c, &o.ExposedPorts, "exposed-ports", "`file` with ports such as 80/tcp, separated by commas")
	fileFlag(c, &o.Volumes, "volumes", "`file` with mount points, separated by commas")
	fileFlag(c, &o.Labels, "labels", "`file` of name=value lines")
	fileFlag(c, &o.Annotations, "annotations", "`file` of name=value lines, for the manifest")
	fileFlag(c, &o.Created, "created", "`file` with a date as RFC 3339 has it; 1970-01-01T00:00:00Z by default")
	c.Run = func(context.Context, []string, io.Writer) error {
		if o.Base != "" && (o.Platform.OS != "" || o.Platform.Architecture != "" || o.Platform.Variant != "") {
			return command.Wrong("--os, --architecture and --variant come from the --base and cannot be changed")
		}
		return oci.BuildImage(*output, o)
	}
	return c
}

func index() *command.Command {
	c := &command.Command{
		Name:     "index",
		Summary:  "Builds the OCI layout of a multi-architecture index.",
		Required: []string{"output", "image"},
		Examples: []string{call + " index --image amd64 --image arm64 --output index"},
	}
	var images command.List
	var annotations *string
	output := c.Flags.String("output", "", "`folder` to make; the index's OCI layout")
	c.Flags.Var(&images, "image", "`folder` with the OCI layout of an image; may be repeated, the order is kept")
	fileFlag(c, &annotations, "annotations", "`file` of name=value lines, for the index")
	c.Run = func(context.Context, []string, io.Writer) error { return oci.BuildIndex(*output, images, annotations) }
	return c
}

func digest() *command.Command {
	c := &command.Command{
		Name:     "digest",
		Summary:  "Prints the digest of a layout's image or index.",
		Required: []string{"layout"},
		Examples: []string{call + " digest --layout bazel-bin/images/pause"},
	}
	layout := layoutFlag(c)
	output := c.Flags.String("output", "", "`file` to write (default: standard output)")
	c.Run = func(_ context.Context, _ []string, stdout io.Writer) error {
		if *output == "" {
			return oci.WriteDigest(stdout, *layout)
		}
		return stage.File(*output, func(f *os.File) error { return oci.WriteDigest(f, *layout) })
	}
	return c
}

func archive() *command.Command {
	c := &command.Command{
		Name:     "archive",
		Summary:  "Packs a layout into a tar archive, for engines or for carrying it elsewhere.",
		Required: []string{"layout", "output"},
		Examples: []string{
			call + " archive --layout bazel-bin/images/pause --platform linux/arm64 --repo-tag pause:latest --output pause.tar",
			call + " archive --format oci --layout bazel-bin/images/pause --output pause.tar",
		},
	}
	var tags command.List
	format := c.Flags.String("format", string(oci.FormatDocker), "`form` of the archive: docker (one image) or oci (an image or a whole index)")
	layout := layoutFlag(c)
	c.Flags.Var(&tags, "repo-tag", "`reference` such as pause:latest to call it by; may be repeated")
	tags.LinesVar(&c.Flags, "repo-tags", "`file` with such references, one a line")
	platform := c.Flags.String("platform", "", "`OS/ARCHITECTURE[/VARIANT]` of the image to take out of an index")
	output := c.Flags.String("output", "", "`file` to write")
	c.Run = func(context.Context, []string, io.Writer) error {
		o := oci.ArchiveOptions{Format: oci.Format(*format), RepoTags: tags}
		if *platform != "" {
			p, err := oci.ParsePlatform(*platform)
			if err != nil {
				return command.Wrong("--platform: %w", err)
			}
			o.Platform = &p
		}
		return stage.File(*output, func(f *os.File) error { return oci.WriteArchive(f, *layout, o) })
	}
	return c
}

func artifact() *command.Command {
	c := &command.Command{
		Name:     "artifact",
		Summary:  "Builds the OCI layout of a file attached to an image or index, such as an SBOM.",
		Required: []string{"output", "subject", "artifact-type", "file"},
		Examples: []string{
			call + " artifact --subject bazel-bin/images/pause --artifact-type application/spdx+json --file pause.spdx.json --output artifact",
		},
	}
	var o oci.ArtifactOptions
	output := c.Flags.String("output", "", "`folder` to make; the artifact's OCI layout")
	c.Flags.StringVar(&o.Subject, "subject", "", "`folder` with the OCI layout of the image or index that it is attached to")
	c.Flags.StringVar(&o.Type, "artifact-type", "", "media `type` that says what the artifact is, such as application/spdx+json")
	c.Flags.StringVar(&o.MediaType, "media-type", "", "media `type` of the file; the artifact type by default")
	c.Flags.StringVar(&o.File, "file", "", "`file` to attach")
	fileFlag(c, &o.Annotations, "annotations", "`file` of name=value lines")
	c.Run = func(context.Context, []string, io.Writer) error { return oci.BuildArtifact(*output, o) }
	return c
}

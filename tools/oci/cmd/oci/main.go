// Command oci builds and packs OCI images without a daemon and without a network. It is what oci_image,
// oci_image_index and oci_load of sealed mode run; ocipush is its sibling that speaks to registries.
//
// Run "oci help" for its commands, and "oci COMMAND -help" for their flags.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"example.com/pause/tools/oci"
	"example.com/pause/tools/oci/cli"
	"example.com/pause/tools/oci/stage"
)

const usage = `Usage: oci COMMAND FLAGS

  image     build the OCI layout of an image, from scratch or from another image
  index     build the OCI layout of a multi-architecture index
  digest    print the digest of a layout's image or index
  artifact  build the OCI layout of a file attached to an image or index, such as an SBOM
  archive   pack a layout into a tar archive, for engines or for carrying it elsewhere

"oci COMMAND -help" lists the flags of a command.
`

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "oci:", err)
		os.Exit(1)
	}
}

// run is main without the process: it writes to stdout and returns the error to report.
func run(args []string, stdout io.Writer) error {
	return cli.Run(usage, map[string]cli.Command{
		"image": image, "index": index, "digest": digest, "archive": archive, "artifact": artifact,
	}, args, stdout)
}

// fileFlag makes a flag that names a file and reads it.
func fileFlag(flags *flag.FlagSet, name, usage string) **string {
	var content *string
	flags.Func(name, usage, func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s := string(data)
		content = &s
		return nil
	})
	return &content
}

func image(flags *flag.FlagSet, args []string, _ io.Writer) error {
	var o oci.ImageOptions
	output := flags.String("output", "", "`folder` to make; the image's OCI layout")
	flags.StringVar(&o.Base, "base", "", "`folder` with the OCI layout of the image to build upon")
	flags.StringVar(&o.Platform.OS, "os", "", "operating `system`, as GOOS names it; only without --base")
	flags.StringVar(&o.Platform.Architecture, "architecture", "", "`architecture`, as GOARCH names it; only without --base")
	flags.StringVar(&o.Platform.Variant, "variant", "", "`variant` of the architecture, such as v7; only without --base")
	flags.Func("layer", "tar `archive`, plain or compressed by gzip or zstd, to add as a layer; may be repeated", func(path string) error {
		o.Layers = append(o.Layers, oci.Layer{Path: path})
		return nil
	})
	flags.Func("created-by", "`text` that the history has about the layer before", func(text string) error {
		if len(o.Layers) == 0 {
			return errors.New("must follow a --layer")
		}
		o.Layers[len(o.Layers)-1].CreatedBy = text
		return nil
	})
	flags.StringVar(&o.User, "user", "", "`user` or user:group that the container runs as, by name or number")
	flags.StringVar(&o.Workdir, "workdir", "", "`folder` that the container starts in")
	entrypoint := fileFlag(flags, "entrypoint", "`file` with the entrypoint, one argument a line, %5Cn for a line end within one; resets the base's command")
	cmd := fileFlag(flags, "cmd", "`file` with the command, as --entrypoint")
	env := fileFlag(flags, "env", "`file` of NAME=VALUE lines; $NAME and ${NAME} stand for values from the base or from lines before")
	ports := fileFlag(flags, "exposed-ports", "`file` with ports such as 80/tcp, separated by commas")
	volumes := fileFlag(flags, "volumes", "`file` with mount points, separated by commas")
	labels := fileFlag(flags, "labels", "`file` of name=value lines")
	annotations := fileFlag(flags, "annotations", "`file` of name=value lines, for the manifest")
	created := fileFlag(flags, "created", "`file` with a date as RFC 3339 has it; 1970-01-01T00:00:00Z by default")
	if err := cli.Parse(flags, args, "output"); err != nil {
		return err
	}
	if o.Base != "" && (o.Platform.OS != "" || o.Platform.Architecture != "" || o.Platform.Variant != "") {
		return errors.New("--os, --architecture and --variant come from the --base and cannot be changed")
	}
	o.Entrypoint, o.Cmd, o.Env, o.ExposedPorts = *entrypoint, *cmd, *env, *ports
	o.Volumes, o.Labels, o.Annotations, o.Created = *volumes, *labels, *annotations, *created
	return oci.BuildImage(*output, o)
}

func index(flags *flag.FlagSet, args []string, _ io.Writer) error {
	var images cli.List
	output := flags.String("output", "", "`folder` to make; the index's OCI layout")
	flags.Var(&images, "image", "`folder` with the OCI layout of an image; may be repeated, the order is kept")
	annotations := fileFlag(flags, "annotations", "`file` of name=value lines, for the index")
	if err := cli.Parse(flags, args, "output", "image"); err != nil {
		return err
	}
	return oci.BuildIndex(*output, images, *annotations)
}

func digest(flags *flag.FlagSet, args []string, stdout io.Writer) error {
	layout := flags.String("layout", "", "`folder` with an OCI layout of one image or index")
	output := flags.String("output", "", "`file` to write; standard output by default")
	if err := cli.Parse(flags, args, "layout"); err != nil {
		return err
	}
	if *output == "" {
		return oci.WriteDigest(stdout, *layout)
	}
	return stage.File(*output, func(f *os.File) error { return oci.WriteDigest(f, *layout) })
}

func archive(flags *flag.FlagSet, args []string, _ io.Writer) error {
	var tags cli.List
	format := flags.String("format", string(oci.FormatDocker), "docker (one image) or oci (an image or a whole index)")
	layout := flags.String("layout", "", "`folder` with an OCI layout of one image or index")
	flags.Var(&tags, "repo-tag", "`reference` such as pause:latest to call it by; may be repeated")
	tags.LinesVar(flags, "repo-tags", "`file` with such references, one a line")
	platform := flags.String("platform", "", "`OS/ARCHITECTURE[/VARIANT]` of the image to take out of an index")
	output := flags.String("output", "", "`file` to write")
	if err := cli.Parse(flags, args, "layout", "output"); err != nil {
		return err
	}
	o := oci.ArchiveOptions{Format: oci.Format(*format), RepoTags: tags}
	if *platform != "" {
		p, err := oci.ParsePlatform(*platform)
		if err != nil {
			return err
		}
		o.Platform = &p
	}
	return stage.File(*output, func(f *os.File) error { return oci.WriteArchive(f, *layout, o) })
}

func artifact(flags *flag.FlagSet, args []string, _ io.Writer) error {
	var o oci.ArtifactOptions
	output := flags.String("output", "", "`folder` to make; the artifact's OCI layout")
	flags.StringVar(&o.Subject, "subject", "", "`folder` with the OCI layout of the image or index that it is attached to")
	flags.StringVar(&o.Type, "artifact-type", "", "media `type` that says what the artifact is, such as application/spdx+json")
	flags.StringVar(&o.MediaType, "media-type", "", "media `type` of the file; the artifact type by default")
	flags.StringVar(&o.File, "file", "", "`file` to attach")
	annotations := fileFlag(flags, "annotations", "`file` of name=value lines")
	if err := cli.Parse(flags, args, "output", "subject", "artifact-type", "file"); err != nil {
		return err
	}
	o.Annotations = *annotations
	return oci.BuildArtifact(*output, o)
}

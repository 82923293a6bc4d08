// Command ocipush takes an OCI layout to a registry or to a container engine of the machine that it runs on.
//
// It is apart from oci, which only builds, because the code that speaks to registries takes much longer to compile.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"

	"example.com/pause/tools/command"
	"example.com/pause/tools/oci"
	"example.com/pause/tools/push"
)

func main() { newCommand().Main() }

const call = "go run ./tools/oci/cmd/ocipush"

func newCommand() *command.Command {
	return &command.Command{
		Name:    "ocipush",
		Call:    call,
		Summary: "Takes an OCI layout to a registry, or to a container engine of this machine.",
		Examples: []string{
			"bazel run //images:push -- --repository=registry.example.com/team/pause --tag=1.0.0",
			"bazel run //images:load",
		},
		Commands: []*command.Command{pushCommand(), load()},
	}
}

func pushCommand() *command.Command {
	c := &command.Command{
		Name:     "push",
		Summary:  "Pushes an image or a whole index to a registry: by digest first, its tags last.",
		Required: []string{"layout", "repository"},
		Examples: []string{
			"bazel run //images:push -- --repository=registry.example.com/team/pause --tag=1.0.0",
			call + " push --layout bazel-bin/images/pause --repository localhost:5000/pause --tag latest --insecure",
		},
	}
	var tags, referrers command.List
	var o push.Options
	c.Flags.StringVar(&o.Layout, "layout", "", "`folder` with the OCI layout of an image or index")
	c.Flags.StringVar(&o.Repository, "repository", "", "`repository` to push to, such as registry.example.com/team/pause")
	c.Flags.StringVar(&o.Repository, "r", "", "the same as --repository, a `repository`")
	c.Flags.Var(&tags, "tag", "`name` to give it; may be repeated")
	c.Flags.Var(&tags, "t", "the same as --tag, a `name`")
	tags.LinesVar(&c.Flags, "tags", "`file` with such names, one a line")
	c.Flags.Var(&referrers, "referrer", "`folder` with the OCI layout of an artifact attached to it, such as an SBOM; may be repeated")
	c.Flags.BoolVar(&o.Insecure, "insecure", false, "use plain HTTP, or accept any certificate")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		o.Tags, o.Referrers, o.Log = tags, referrers, stdout
		return push.Push(ctx, o)
	}
	return c
}

// load streams an archive into an engine, so that nothing is written to disk first.
func load() *command.Command {
	c := &command.Command{
		Name:     "load",
		Summary:  "Loads an image into Docker or Podman.",
		Required: []string{"layout"},
		Examples: []string{
			"bazel run //images:load",
			call + " load --layout bazel-bin/images/pause --repo-tag pause:latest --engine podman",
		},
	}
	var tags command.List
	layout := c.Flags.String("layout", "", "`folder` with the OCI layout of an image or index")
	engine := c.Flags.String("engine", "", "`program` to load it with (default: docker or podman, whichever is there)")
	format := c.Flags.String("format", string(oci.FormatDocker), "`form` in which the engine gets it: docker or oci")
	platform := c.Flags.String("platform", "",
		"`OS/ARCHITECTURE[/VARIANT]` of the image to take out of an index (default: this machine's, in format docker)")
	c.Flags.Var(&tags, "repo-tag", "`reference` such as pause:latest to call it by; may be repeated")
	tags.LinesVar(&c.Flags, "repo-tags", "`file` with such references, one a line")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		o := oci.ArchiveOptions{Format: oci.Format(*format), RepoTags: tags}
		l, err := oci.Open(*layout)
		if err != nil {
			return err
		}
		// Of an index, the image that runs here; an image is loaded as it is.
		if m, err := l.Only(); err != nil {
			return err
		} else if m.Kind == oci.Index && *platform == "" && o.Format == oci.FormatDocker {
			*platform = "linux/" + runtime.GOARCH
		}
		if *platform != "" {
			p, err := oci.ParsePlatform(*platform)
			if err != nil {
				return command.Wrong("--platform: %w", err)
			}
			o.Platform = &p
		}
		program, err := find(*engine)
		if err != nil {
			return err
		}
		// Whatever is wrong with the layout or the flags has to come out before the engine gets anything.
		if err := oci.WriteArchive(io.Discard, *layout, o); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, program, "load")
		cmd.Stdout, cmd.Stderr = stdout, os.Stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		written := oci.WriteArchive(stdin, *layout, o)
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%s load: %w", program, err)
		}
		return written
	}
	return c
}

// find returns the engine to use.
func find(engine string) (string, error) {
	if engine != "" {
		path, err := exec.LookPath(engine)
		if err != nil {
			return "", fmt.Errorf("--engine %s: no such program on PATH", engine)
		}
		return path, nil
	}
	for _, engine := range []string{"docker", "podman"} {
		if path, err := exec.LookPath(engine); err == nil {
			return path, nil
		}
	}
	return "", errors.New("neither docker nor podman is on PATH; install one, or name another program with --engine")
}

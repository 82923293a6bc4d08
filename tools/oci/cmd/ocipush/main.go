// Command ocipush takes an OCI layout to a registry or to a container engine of the machine that it runs on.
//
// It is apart from oci, which only builds, because the code that speaks to registries takes much longer to compile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"example.com/pause/tools/oci"
	"example.com/pause/tools/oci/cli"
	"example.com/pause/tools/oci/push"
)

const usage = `Usage: ocipush COMMAND FLAGS

  push  push an image or a whole index to a registry: by digest first, its tags last
  load  load an image into docker or podman

"ocipush COMMAND -help" lists the flags of a command.
`

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ocipush:", err)
		os.Exit(1)
	}
}

// run is main without the process: it writes to stdout and returns the error to report.
func run(args []string, stdout io.Writer) error {
	return cli.Run(usage, map[string]cli.Command{"push": pushCommand, "load": load}, args, stdout)
}

func pushCommand(flags *flag.FlagSet, args []string, stdout io.Writer) error {
	var tags, referrers cli.List
	o := push.Options{Log: stdout}
	flags.StringVar(&o.Layout, "layout", "", "`folder` with the OCI layout of an image or index")
	flags.StringVar(&o.Repository, "repository", "", "`repository` to push to, such as registry.example.com/team/pause")
	flags.StringVar(&o.Repository, "r", "", "the same as --repository")
	flags.Var(&tags, "tag", "`name` to give it; may be repeated")
	flags.Var(&tags, "t", "the same as --tag")
	tags.LinesVar(flags, "tags", "`file` with such names, one a line")
	flags.Var(&referrers, "referrer", "`folder` with the OCI layout of an artifact attached to it, such as an SBOM; may be repeated")
	flags.BoolVar(&o.Insecure, "insecure", false, "use plain HTTP, or accept any certificate")
	if err := cli.Parse(flags, args, "layout", "repository"); err != nil {
		return err
	}
	o.Tags, o.Referrers = tags, referrers
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return push.Push(ctx, o)
}

// load streams an archive into an engine, so that nothing is written to disk first.
func load(flags *flag.FlagSet, args []string, stdout io.Writer) error {
	var tags cli.List
	layout := flags.String("layout", "", "`folder` with the OCI layout of an image or index")
	engine := flags.String("engine", "", "`program` to load it with; docker or podman by default, whichever is there")
	format := flags.String("format", string(oci.FormatDocker), "docker or oci: the form in which the engine gets it")
	platform := flags.String("platform", "", "`OS/ARCHITECTURE[/VARIANT]` of the image to take out of an index; this machine's by default in format docker")
	flags.Var(&tags, "repo-tag", "`reference` such as pause:latest to call it by; may be repeated")
	tags.LinesVar(flags, "repo-tags", "`file` with such references, one a line")
	if err := cli.Parse(flags, args, "layout"); err != nil {
		return err
	}
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
			return err
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
	command := exec.Command(program, "load")
	command.Stdout, command.Stderr = stdout, os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	written := oci.WriteArchive(stdin, *layout, o)
	stdin.Close()
	if err := command.Wait(); err != nil {
		return fmt.Errorf("%s load: %w", program, err)
	}
	return written
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

package main

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.com/pause/tools/command"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name:     "push",
		Call:     "go run ./tools/release/push",
		Summary:  "Pushes an image or a whole index to a registry: by digest first, its tags last.",
		Required: []string{"repository"},
		Examples: []string{
			"./bazelw run //images:push -- --repository=registry.example.com/team/pause --tag=1.0.0",
			"go run ./tools/release/push --image bazel-bin/images/pause --repository localhost:5000/pause --tag latest --insecure",
		},
	}
	var tags, referrers command.List
	var o Options
	c.Flags.StringVar(&o.Image, "image", "", "`folder` with the image or index, an OCI layout (default: that of the target that `bazel run` runs)")
	c.Flags.StringVar(&o.Repository, "repository", "", "`repository` to push to, such as registry.example.com/team/pause")
	c.Flags.Var(&tags, "tag", "`name` to give it; may be repeated")
	c.Flags.Var(&referrers, "referrer", "`folder` with the OCI layout of an artifact attached to it, such as an SBOM; may be repeated")
	c.Flags.BoolVar(&o.Insecure, "insecure", false, "use plain HTTP, or accept any certificate")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		if o.Image == "" {
			if err := fromRule(&o); err != nil {
				return err
			}
		}
		o.Tags, o.Referrers, o.Log = tags, append(o.Referrers, referrers...), stdout
		return Push(ctx, o)
	}
	return c
}

// fromRule sets what the rule image_push says through the environment: paths of runfiles.
func fromRule(o *Options) error {
	image := os.Getenv("PUSH_IMAGE")
	if image == "" {
		return command.Wrong("missing --image FOLDER; --help says more")
	}
	var err error
	if o.Image, err = runfiles.Rlocation(image); err != nil {
		return err
	}
	for _, referrer := range strings.Fields(os.Getenv("PUSH_REFERRERS")) {
		path, err := runfiles.Rlocation(referrer)
		if err != nil {
			return err
		}
		o.Referrers = append(o.Referrers, path)
	}
	return nil
}

// Command push takes an image to a registry: by its digest first, then what refers to it, and its tags last, so that a tag
// never names something that is not there in full. (oci_push of rules_oci pushes no referrers, and has no such order.)
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"example.com/pause/tools/command"
	"example.com/pause/tools/oci"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name:     "push",
		Call:     "go run ./tools/release/push",
		Summary:  "Pushes an image or a whole index to a registry: by digest first, its tags last.",
		Required: []string{"image", "repository"},
		Examples: []string{
			"./bazelw run //images:push -- --repository=registry.example.com/team/pause --tag=1.0.0",
			"go run ./tools/release/push --image bazel-bin/images/pause --repository localhost:5000/pause --tag latest --insecure",
		},
	}
	var o options
	c.Flags.StringVar(&o.image, "image", runfile(os.Getenv("PUSH_IMAGE")), "`folder` with the image or index, an OCI layout")
	c.Flags.StringVar(&o.repository, "repository", "", "`repository` to push to, such as registry.example.com/team/pause")
	c.Flags.Var(&o.tags, "tag", "`name` to give it; may be repeated")
	for path := range strings.FieldsSeq(os.Getenv("PUSH_REFERRERS")) {
		o.referrers = append(o.referrers, runfile(path))
	}
	c.Flags.Var(&o.referrers, "referrer", "`folder` with the OCI layout of an artifact attached to it, such as an SBOM; may be repeated")
	c.Flags.BoolVar(&o.insecure, "insecure", false, "use plain HTTP, or accept any certificate")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error { return push(ctx, o, stdout) }
	return c
}

// runfile returns the file at a runfiles path, which the rule image_push says through the environment, or nothing.
func runfile(path string) string {
	file, _ := runfiles.Rlocation(path) // without it, the flag is missing
	return file
}

// options says what to push where.
type options struct {
	image      string       // the image or index, an OCI layout
	repository string       // such as registry.example.com/team/pause, without tag and digest
	tags       command.List // names to give it
	referrers  command.List // OCI layouts of artifacts whose subject is the image or index
	insecure   bool         // plain HTTP, or a certificate that nobody vouches for
}

// push pushes an image or index by its digest, then its referrers, and then tags it. It writes a line for each to log. Documents are
// verified before anything is sent, and the registry verifies the layers. Credentials are those of docker login or podman login. Errors are one line.
func push(ctx context.Context, o options, log io.Writer) error {
	var names []name.Option
	if o.insecure {
		names = append(names, name.Insecure)
	}
	repository, err := name.NewRepository(o.repository, names...)
	if err != nil {
		return fmt.Errorf("repository %q: want one such as registry.example.com/team/pause, without tag and digest", o.repository)
	}
	var tags []name.Tag
	for _, t := range o.tags {
		tag, err := name.NewTag(repository.Name()+":"+t, names...)
		if err != nil {
			return fmt.Errorf("tag %q: want letters, digits, and . _ - after the first, 128 at most", t)
		}
		tags = append(tags, tag)
	}
	options := []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithUserAgent("pause-push"),
	}
	if o.insecure {
		t := remote.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		options = append(options, remote.WithTransport(t))
	}
	// go-containerregistry sends a damaged config by another digest, and not every registry misses the right one.
	if _, err := oci.Open(o.image); err != nil {
		return err
	}
	var all []content
	for _, dir := range append([]string{o.image}, o.referrers...) {
		c, err := open(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		all = append(all, c)
		if len(all) > 1 && c.subject != all[0].digest {
			return fmt.Errorf("%s: its subject is %q, but %s is %s", dir, c.subject, o.image, all[0].digest)
		}
	}
	for _, c := range all {
		reference := repository.Digest(c.digest)
		switch what := c.what.(type) {
		case v1.ImageIndex:
			err = remote.WriteIndex(reference, what, options...)
		case v1.Image:
			err = remote.Write(reference, what, options...)
		}
		if err != nil {
			return explain(repository, err)
		}
		fmt.Fprintf(log, "pushed %s (%s)\n", reference.Name(), c.name)
	}
	for _, tag := range tags {
		if err := remote.Tag(tag, all[0].what, options...); err != nil {
			return explain(repository, err)
		}
		fmt.Fprintf(log, "tagged %s\n", tag.Name())
	}
	return nil
}

// content is what a layout has: an image, an index or an artifact.
type content struct {
	name    string // what the output calls it
	digest  string
	what    remote.Taggable
	subject string // the digest that it refers to, if any
}

// open reads what the layout in folder dir has.
func open(dir string) (c content, err error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return c, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return c, err
	}
	if n := len(list.Manifests); n != 1 {
		return c, fmt.Errorf("index.json lists %d manifests; want one", n)
	}
	entry := list.Manifests[0]
	c = content{name: "the image", digest: entry.Digest.String()}
	if entry.MediaType.IsIndex() {
		c.what, err = index.ImageIndex(entry.Digest)
		return c, err
	}
	image, err := index.Image(entry.Digest)
	if err != nil {
		return c, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return c, err
	}
	if manifest.Subject != nil {
		c.subject = manifest.Subject.Digest.String()
		c.name = "attached to the image: " + manifest.ArtifactType
	}
	c.what = image
	return c, nil
}

// explain says in one line what a failure means and what to do about it. What the registry says of it may be anything: a blank
// stands in the place of line ends and control characters, which do not get to the terminal.
func explain(r name.Repository, err error) error {
	words := strings.FieldsFunc(meaning(r, err).Error(), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	return errors.New(strings.Join(words, " "))
}

// meaning is explain, but for what the registry says.
func meaning(r name.Repository, err error) error {
	registry := r.RegistryStr()
	var refused *transport.Error
	var certificate *tls.CertificateVerificationError
	var address *url.Error
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: interrupted; no tag was set after that", r.Name())
	case errors.As(err, &refused):
		switch refused.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return fmt.Errorf("%s: %s does not let you push there (HTTP %d); log in with \"docker login %s\"", r.Name(), registry, refused.StatusCode, registry)
		case http.StatusNotFound:
			return fmt.Errorf("%s: %s has no such repository, or is no registry (HTTP 404)", r.Name(), registry)
		}
		reason := ""
		for _, d := range refused.Errors {
			reason += fmt.Sprintf(": %s", d.Message)
		}
		return fmt.Errorf("%s: %s refused it (HTTP %d)%s", r.Name(), registry, refused.StatusCode, reason)
	case errors.Is(err, http.ErrSchemeMismatch) && r.Scheme() == "https":
		return fmt.Errorf("%s: %s speaks HTTP without TLS; --insecure allows it", r.Name(), registry)
	case errors.As(err, &certificate):
		return fmt.Errorf("%s: the certificate of %s is not trusted: %w; --insecure accepts it", r.Name(), registry, certificate.Err)
	case errors.As(err, &address):
		return fmt.Errorf("%s: %s cannot be reached: %w", r.Name(), registry, address.Err)
	}
	return fmt.Errorf("%s: %w", r.Name(), err)
}

// Package push takes verified OCI layouts to registries.
package push

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"example.com/pause/tools/oci"
)

// Options says what to push where.
type Options struct {
	Layout     string   // an OCI layout with one image or index
	Repository string   // such as registry.example.com/team/pause, without tag and digest
	Tags       []string // names to give it
	Referrers  []string // OCI layouts of artifacts whose subject is the image or index
	Insecure   bool     // plain HTTP, or a certificate that nobody vouches for
	Log        io.Writer
}

// Push pushes an image or index by its digest, then its referrers, and then tags it, so that a tag never names something
// that is not there in full. Credentials are those of docker login or podman login. Its errors are one line.
func Push(ctx context.Context, o Options) error {
	var options []name.Option
	if o.Insecure {
		options = append(options, name.Insecure)
	}
	repository, err := name.NewRepository(o.Repository, options...)
	if err != nil {
		return fmt.Errorf("repository %q: want one such as registry.example.com/team/pause, without tag and digest", o.Repository)
	}
	var tags []name.Tag
	for _, t := range o.Tags {
		tag, err := name.NewTag(repository.Name()+":"+t, options...)
		if err != nil {
			return fmt.Errorf("tag %q: want letters, digits, and . _ - after the first, 128 at most", t)
		}
		tags = append(tags, tag)
	}
	p := pusher{repository: repository, log: o.Log, options: []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithUserAgent("pause-oci"),
	}}
	if o.Insecure {
		t := remote.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		p.options = append(p.options, remote.WithTransport(t))
	}
	// Everything is verified before anything is sent.
	root, err := open(o.Layout)
	if err != nil {
		return err
	}
	var referrers []taggable
	for _, dir := range o.Referrers {
		referrer, err := open(dir)
		if err != nil {
			return err
		}
		if referrer.subject != root.digest.String() {
			return fmt.Errorf("%s: its subject is %q, but %s is %s", dir, referrer.subject, o.Layout, root.digest)
		}
		referrers = append(referrers, referrer)
	}
	for _, t := range append([]taggable{root}, referrers...) {
		if err := p.push(t); err != nil {
			return explain(repository, err)
		}
	}
	for _, tag := range tags {
		if err := remote.Tag(tag, root.what, p.options...); err != nil {
			return explain(repository, err)
		}
		fmt.Fprintf(o.Log, "tagged %s\n", tag.Name())
	}
	return nil
}

// taggable is what a layout holds.
type taggable struct {
	digest  ggcr.Hash
	what    remote.Taggable
	subject string // the digest that it refers to, if any
}

func open(dir string) (taggable, error) {
	verified, err := oci.Open(dir)
	if err != nil {
		return taggable{}, err
	}
	m, err := verified.Only()
	if err != nil {
		return taggable{}, err
	}
	t := taggable{subject: m.Doc.Object("subject").String("digest")}
	if t.digest, err = ggcr.NewHash(m.Desc.Digest.String()); err != nil {
		return t, fmt.Errorf("%s: %w", dir, err)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return t, fmt.Errorf("%s: %w", dir, err)
	}
	if m.Kind == oci.Index {
		t.what, err = index.ImageIndex(t.digest)
	} else {
		t.what, err = index.Image(t.digest)
	}
	return t, err
}

type pusher struct {
	repository name.Repository
	options    []remote.Option
	log        io.Writer
}

func (p *pusher) push(t taggable) error {
	reference := p.repository.Digest(t.digest.String())
	var err error
	switch what := t.what.(type) {
	case ggcr.ImageIndex:
		err = remote.WriteIndex(reference, what, p.options...)
	case ggcr.Image:
		err = remote.Write(reference, what, p.options...)
	}
	if err == nil {
		fmt.Fprintf(p.log, "pushed %s\n", reference.Name())
	}
	return err
}

// explain says in one line what a failure means and what to do about it.
func explain(r name.Repository, err error) error {
	registry := r.RegistryStr()
	var refused *transport.Error
	var network *net.OpError
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
	case errors.As(err, &certificate):
		return fmt.Errorf("%s: the certificate of %s is not trusted: %w; --insecure accepts it", r.Name(), registry, certificate.Err)
	case errors.As(err, &network):
		return fmt.Errorf("%s: %s cannot be reached: %w", r.Name(), registry, network)
	case errors.As(err, &address):
		return fmt.Errorf("%s: %s cannot be reached: %w", r.Name(), registry, address.Err)
	}
	return fmt.Errorf("%s: %w", r.Name(), err)
}

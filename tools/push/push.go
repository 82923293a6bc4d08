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
	"strings"
	"unicode"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"

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
	// Everything is verified before anything is sent. It is read again to be sent, and goes by the digests that were
	// verified: what has changed in between is not what the registry was told.
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
	if err := known(m, map[*oci.Manifest]bool{}); err != nil {
		return taggable{}, fmt.Errorf("%s: %w", dir, err)
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

// known returns an error unless the client can push m and all that m refers to. It knows SHA-256 alone, and would find out
// in the middle.
func known(m *oci.Manifest, seen map[*oci.Manifest]bool) error {
	if seen[m] {
		return nil
	}
	seen[m] = true
	digests := []digest.Digest{m.Desc.Digest}
	if m.Kind != oci.Index {
		digests = append(digests, m.Config.Digest)
	}
	for _, layer := range m.Layers {
		digests = append(digests, layer.Digest)
	}
	for _, d := range digests {
		if d.Algorithm() != digest.SHA256 {
			return fmt.Errorf("%s cannot be pushed: make the layout with sha256 digests", d)
		}
	}
	for _, child := range m.Manifests {
		if err := known(child, seen); err != nil {
			return err
		}
	}
	return nil
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

// explain says in one line what a failure means and what to do about it. What the registry says of it may be anything: no
// line ends and no control characters of it get to the terminal.
func explain(r name.Repository, err error) error {
	return errors.New(printable(meaning(r, err).Error()))
}

// printable returns s as one line, with a blank in the place of whatever cannot be printed.
func printable(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
}

// meaning is explain, but for what the registry says.
func meaning(r name.Repository, err error) error {
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
	case errors.Is(err, http.ErrSchemeMismatch) && r.Scheme() == "https":
		return fmt.Errorf("%s: %s speaks HTTP without TLS; --insecure allows it", r.Name(), registry)
	case errors.As(err, &certificate):
		return fmt.Errorf("%s: the certificate of %s is not trusted: %w; --insecure accepts it", r.Name(), registry, certificate.Err)
	case errors.As(err, &network):
		return fmt.Errorf("%s: %s cannot be reached: %w", r.Name(), registry, network)
	case errors.As(err, &address):
		return fmt.Errorf("%s: %s cannot be reached: %w", r.Name(), registry, address.Err)
	}
	return fmt.Errorf("%s: %w", r.Name(), err)
}

// Command push takes an image to a registry: by its digest first, then what refers to it, and its tags last, so that a tag
// never names something that is not there in full. (oci_push of rules_oci pushes no referrers, and has no such order.)
package main

import (
	"bytes"
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
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Options says what to push where.
type Options struct {
	Image      string   // the image or index, an OCI layout
	Repository string   // such as registry.example.com/team/pause, without tag and digest
	Tags       []string // names to give it
	Referrers  []string // OCI layouts of artifacts whose subject is the image or index
	Insecure   bool     // plain HTTP, or a certificate that nobody vouches for
	Log        io.Writer
}

// Push pushes an image or index by its digest, then its referrers, and then tags it. Credentials are those of docker login or
// podman login. Its errors are one line.
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
		remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithUserAgent("pause-push"),
	}}
	if o.Insecure {
		t := remote.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		p.options = append(p.options, remote.WithTransport(t))
	}
	// Everything is verified before anything is sent.
	root, err := open(o.Image)
	if err != nil {
		return err
	}
	all := []content{root}
	for _, dir := range o.Referrers {
		referrer, err := open(dir)
		if err != nil {
			return err
		}
		if referrer.subject != root.digest {
			return fmt.Errorf("%s: its subject is %q, but %s is %s", dir, referrer.subject, o.Image, root.digest)
		}
		all = append(all, referrer)
	}
	for _, c := range all {
		if err := p.push(c); err != nil {
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

// content is what a layout has: an image, an index or an artifact.
type content struct {
	name    string // what the output calls it
	digest  string
	what    remote.Taggable
	subject string // the digest that it refers to, if any
}

// open reads and verifies what the layout in folder dir has.
func open(dir string) (content, error) {
	fail := func(err error) (content, error) { return content{}, fmt.Errorf("%s: %w", dir, err) }
	layoutIndex, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return fail(err)
	}
	list, err := layoutIndex.IndexManifest()
	if err != nil {
		return fail(err)
	}
	if n := len(list.Manifests); n != 1 {
		return fail(fmt.Errorf("index.json lists %d manifests; want one", n))
	}
	entry := list.Manifests[0]
	c := content{name: "the image", digest: entry.Digest.String()}
	if entry.MediaType.IsIndex() {
		index, err := layoutIndex.ImageIndex(entry.Digest)
		if err != nil {
			return fail(err)
		}
		if err := verifyIndex(index, entry.Digest); err != nil {
			return fail(err)
		}
		c.what = index
		return c, nil
	}
	image, err := layoutIndex.Image(entry.Digest)
	if err != nil {
		return fail(err)
	}
	manifest, err := verifyImage(image, entry.Digest)
	if err != nil {
		return fail(err)
	}
	if manifest.Subject != nil {
		c.subject = manifest.Subject.Digest.String()
		c.name = "attached to the image: " + printable(manifest.ArtifactType)
	}
	c.what = image
	return c, nil
}

// verifyIndex verifies an index whose digest is d, and its images.
func verifyIndex(index v1.ImageIndex, d v1.Hash) error {
	raw, err := index.RawManifest()
	if err != nil {
		return fmt.Errorf("%s: %w", d, err)
	}
	if err := verify(bytes.NewReader(raw), v1.Descriptor{Digest: d, Size: int64(len(raw))}); err != nil {
		return err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("%s: %w", d, err)
	}
	for _, entry := range list.Manifests {
		image, err := index.Image(entry.Digest)
		if err != nil {
			return fmt.Errorf("%s: %w", entry.Digest, err)
		}
		if _, err := verifyImage(image, entry.Digest); err != nil {
			return err
		}
	}
	return nil
}

// verifyImage verifies an image or artifact whose digest is d, and returns its manifest.
func verifyImage(image v1.Image, d v1.Hash) (*v1.Manifest, error) {
	raw, err := image.RawManifest()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d, err)
	}
	if err := verify(bytes.NewReader(raw), v1.Descriptor{Digest: d, Size: int64(len(raw))}); err != nil {
		return nil, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d, err)
	}
	for _, d := range append([]v1.Descriptor{manifest.Config}, manifest.Layers...) {
		layer, err := image.LayerByDigest(d.Digest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Digest, err)
		}
		blob, err := layer.Compressed()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Digest, err)
		}
		if err := errors.Join(verify(blob, d), blob.Close()); err != nil {
			return nil, err
		}
	}
	return manifest, nil
}

// verify compares content with its descriptor: go-containerregistry does so for what comes from a registry, not for a folder.
func verify(content io.Reader, d v1.Descriptor) error {
	got, size, err := v1.SHA256(content)
	if err != nil {
		return fmt.Errorf("%s: %w", d.Digest, err)
	}
	if got != d.Digest || size != d.Size {
		return fmt.Errorf("%s of %d bytes: its content has %d bytes and the digest %s", d.Digest, d.Size, size, got)
	}
	return nil
}

type pusher struct {
	repository name.Repository
	options    []remote.Option
	log        io.Writer
}

func (p *pusher) push(c content) error {
	reference := p.repository.Digest(c.digest)
	var err error
	switch what := c.what.(type) {
	case v1.ImageIndex:
		err = remote.WriteIndex(reference, what, p.options...)
	case v1.Image:
		err = remote.Write(reference, what, p.options...)
	}
	if err == nil {
		fmt.Fprintf(p.log, "pushed %s (%s)\n", reference.Name(), c.name)
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

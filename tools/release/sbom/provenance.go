package main

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
)

// ProvenanceMediaType is the media type of the in-toto statement, and its artifact type as an OCI referrer.
const ProvenanceMediaType = "application/vnd.in-toto+json"

// The statement follows https://in-toto.io/Statement/v1 and https://slsa.dev/provenance/v1. Only what is the same in every
// build is in it: no invocation, no times. A builder that vouches for more makes a statement of its own and signs it.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     predicate  `json:"predicate"`
}

// resource is a ResourceDescriptor of in-toto.
type resource struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

type predicate struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType            string            `json:"buildType"`
	ExternalParameters   map[string]string `json:"externalParameters"`
	ResolvedDependencies []resource        `json:"resolvedDependencies"`
}

type runDetails struct {
	Builder builderID `json:"builder"`
}

type builderID struct {
	ID string `json:"id"`
}

// DefaultBuilder is the builder of whoever builds without a service that vouches for the build: Bazel, as a package URL.
const DefaultBuilder = "pkg:github/bazelbuild/bazel"

// Provenance returns the in-toto statement with SLSA provenance, as JSON. target is the Bazel label that was built, and builder
// the URI that is to stand in builder.id: who vouches for the build.
func (in *Input) Provenance(target, builder string) ([]byte, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(target, "//") {
		return nil, fmt.Errorf("the target %q is not a Bazel label of this repository, such as //images:pause", target)
	}
	if u, err := url.Parse(builder); err != nil || !u.IsAbs() {
		return nil, fmt.Errorf("the builder %q is not a URI such as %s", builder, DefaultBuilder)
	}
	s := statement{
		Type:          "https://in-toto.io/Statement/v1",
		PredicateType: "https://slsa.dev/provenance/v1",
		Predicate: predicate{
			BuildDefinition: buildDefinition{
				// What target means there.
				BuildType:          "https://bazel.build/run/build",
				ExternalParameters: map[string]string{"target": target, "version": in.Version},
			},
			RunDetails: runDetails{builderID{builder}},
		},
	}
	if in.Index != "" {
		s.Subject = append(s.Subject, resource{Name: in.Name, Digest: digestSet(in.Index)})
	}
	for _, image := range in.Images {
		s.Subject = append(s.Subject, resource{Name: in.Name + " " + image.Platform, Digest: digestSet(image.Digest)})
	}
	definition := &s.Predicate.BuildDefinition
	definition.ResolvedDependencies = append(definition.ResolvedDependencies, resource{URI: "pkg:generic/go@" + in.GoVersion})
	for _, f := range in.Sources {
		definition.ResolvedDependencies = append(definition.ResolvedDependencies, resource{
			Name: f.Name, Digest: map[string]string{"sha256": fmt.Sprintf("%x", sha256.Sum256(f.Content))},
		})
	}
	return encode(s)
}

func digestSet(d string) map[string]string {
	return map[string]string{"sha256": strings.TrimPrefix(d, "sha256:")}
}

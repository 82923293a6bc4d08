package main

import (
	"crypto/sha256"
	"fmt"
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

// Provenance returns the in-toto statement with SLSA provenance, as JSON. target is the Bazel label that was built.
func (in *Input) Provenance(target string) ([]byte, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(target, "//") {
		return nil, fmt.Errorf("the target %q is not a Bazel label of this repository, such as //images:pause", target)
	}
	s := statement{
		Type:          "https://in-toto.io/Statement/v1",
		PredicateType: "https://slsa.dev/provenance/v1",
		Predicate: predicate{
			BuildDefinition: buildDefinition{
				BuildType:          "https://" + in.Module + "/build/bazel/v1",
				ExternalParameters: map[string]string{"target": target, "version": in.Version},
			},
			RunDetails: runDetails{builderID{"https://" + in.Module + "/builder/bazel"}},
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

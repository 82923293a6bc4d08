package main

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// provenance returns the in-toto statement (https://in-toto.io/Statement/v1) with SLSA provenance (https://slsa.dev/provenance/v1).
// Only what is the same in every build is in it: no invocation, no times. target is the Bazel label that was built, and
// builder the URI of who vouches for the build; a builder that vouches for more makes a statement of its own and signs it.
func (in *input) provenance(target, builder string) []byte {
	digestSet := func(d string) object { return object{"sha256": strings.TrimPrefix(d, "sha256:")} }
	subjects := []object{{"name": in.name, "digest": digestSet(in.index)}}
	for _, image := range in.images {
		subjects = append(subjects, object{"name": in.name + " " + image.platform, "digest": digestSet(image.digest)})
	}
	dependencies := []object{{"uri": "pkg:generic/go@" + in.goVersion}}
	for _, f := range in.sources {
		dependencies = append(dependencies, object{"name": f.name, "digest": digestSet(fmt.Sprintf("%x", sha256.Sum256(f.content)))})
	}
	return encode(object{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       subjects,
		"predicateType": "https://slsa.dev/provenance/v1",
		"predicate": object{
			"buildDefinition": object{
				"buildType":            "https://bazel.build/run/build", // what target means there
				"externalParameters":   object{"target": target, "version": in.version},
				"resolvedDependencies": dependencies,
			},
			"runDetails": object{"builder": object{"id": builder}},
		},
	})
}

package main

import "testing"

// A mirror's Bazel is taken if MODULE.bazel allows it.
func TestAllows(t *testing.T) {
	for _, test := range []struct {
		constraint, version string
		want                bool
	}{
		{">=7.7.1", "7.7.1", true},
		{">=7.7.1", "7.10.0", true},
		{">=7.7.1", "8.0.0", true},
		{">=7.7.1", "7.7.0", false},
		{">7.7.1", "8.0.0", false}, // not understood
	} {
		module := "module(\n    name = \"m\",\n    bazel_compatibility = [\"" + test.constraint + "\"],\n)\n"
		if got := allows(module, test.version); got != test.want {
			t.Errorf("%s allows %s: %v, want %v", test.constraint, test.version, got, test.want)
		}
	}
}

package main

import "testing"

// A mirror's Bazel is taken if MODULE.bazel allows it.
func TestAllows(t *testing.T) {
	for _, test := range []struct {
		constraints, version string
		want                 bool
	}{
		{`">=7.7.1"`, "7.7.1", true},
		{`">=7.7.1"`, "7.10.0", true},
		{`">=7.7.1"`, "8.0.0", true},
		{`">=7.7.1"`, "7.7.0", false},
		{`">7.7.1"`, "7.7.1", false},
		{`">=7.7.1", "<9.0.0"`, "8.9.9", true},
		{`">=7.7.1", "<9.0.0"`, "9.0.0", false},
		{"\n        \">=7.7.1\",\n        \"<=9.0.0\",\n    ", "9.0.0", true},
		{`">=7.7.1", "-8.0.0"`, "8.0.0", false},
		{`">=7.7.1", "-8.0.0"`, "8.0.1", true},
	} {
		module := "module(\n    name = \"m\",\n    bazel_compatibility = [" + test.constraints + "],\n)\n"
		if got := allows(module, test.version); got != test.want {
			t.Errorf("[%s] allows %s: %v, want %v", test.constraints, test.version, got, test.want)
		}
	}
	if !allows("module(name = \"m\")\n", "7.0.0") {
		t.Error("a module that says nothing allows no Bazel")
	}
}

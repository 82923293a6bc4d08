package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

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

// A root that nobody has wanted for a while goes, with Bazel's output, which has links into it. Others stay.
func TestRemoveOthers(t *testing.T) {
	p := &preparation{cache: t.TempDir(), key: "0123456789abcdef"}
	for name, age := range map[string]time.Duration{p.key: 2 * unwanted, "00000000000000aa": unwanted / 2, "00000000000000bb": 2 * unwanted} {
		for _, dir := range []string{name, name + outputSuffix} {
			if err := os.Mkdir(filepath.Join(p.cache, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		manifest, wanted := filepath.Join(p.cache, name, "manifest"), time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(manifest, nil, 0o644), os.Chtimes(manifest, wanted, wanted)); err != nil {
			t.Fatal(err)
		}
	}
	p.removeOthers()
	entries, err := os.ReadDir(p.cache)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if want := []string{"00000000000000aa", "00000000000000aa.output", p.key, p.key + ".output"}; !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
}

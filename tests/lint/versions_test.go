package lint_test

import (
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
)

// A place is where a version stands: the first group of pattern, in a file.
type place struct {
	file, pattern string
	optional      bool // it need not stand there
}

const (
	moduleBazel, goMod, goModules = "MODULE.bazel", "go.mod", "sealed/go_modules.txt"

	image = "the image"
)

// versions returns what stands in several places, by what it is the version of; the first place is the one that people change.
// The modules are those of MODULE.bazel, whose content is text.
func versions(text string) map[string][]place {
	all := map[string][]place{
		// A module has to say its own in a literal, and the ordinary program is compared with this one.
		image: {
			{file: "images/annotations.bzl", pattern: `(?m)^VERSION = "([^"]*)"`},
			{file: moduleBazel, pattern: `module\([^)]*version = "([^"]*)"`},
			{file: "README.md", pattern: "`pause ([0-9][^`]*)`"},
			{file: "example/main.go", pattern: `(?m)^const version = "([^"]*)"`},
		},
		"Go": {
			{file: goMod, pattern: `(?m)^go (\S+)`},
			{file: "tools/freestanding/go_sdk.bzl", pattern: `(?m)^GO_VERSION = "([^"]*)"`},
			{file: goModules, pattern: `(?m)^go_sdk \S+ v0\.0\.1-go(\S+)\.linux-amd64 `},
		},
	}
	for _, m := range regexp.MustCompile(`bazel_dep\(name = "([^"]+)"`).FindAllStringSubmatch(text, -1) {
		dep := `bazel_dep\(name = "` + m[1] + `", version = "([^"]+)"`
		all[m[1]] = []place{
			{file: moduleBazel, pattern: dep},
			{file: "tests/consumer/MODULE.bazel", pattern: dep, optional: true},
			{file: "docs/module.md", pattern: dep, optional: true},
			{file: goModules, pattern: `(?m)^` + m[1] + ` \S+ v(\S+)`, optional: true},
			// rules_go is a Go module, too.
			{file: goMod, pattern: `(?m)^\s*github\.com/bazelbuild/` + m[1] + ` v(\S+)`, optional: m[1] != "rules_go"},
		}
	}
	return all
}

// A version is the same wherever it has to stand, and a release is tagged with that of the image.
func TestVersions(t *testing.T) {
	for what, places := range versions(string(read(t, moduleBazel))) {
		want := ""
		for i, place := range places {
			m := regexp.MustCompile(place.pattern).FindSubmatch(read(t, place.file))
			switch {
			case m == nil && !place.optional:
				t.Errorf("%s: no version of %s where one is expected", place.file, what)
			case m != nil && i == 0:
				want = string(m[1])
			case m != nil && string(m[1]) != want:
				t.Errorf("%s has %s %s, and %s has %s", place.file, what, m[1], places[0].file, want)
			}
		}
		if tag := os.Getenv("PAUSE_TAG"); what == image && tag != "" && tag != "v"+want {
			t.Errorf("the tag is %s, which is not the version in %s; tag a commit that has the version", tag, places[0].file)
		}
	}
}

// go.mod's Go is the SDK that compiled this test.
func TestGoVersion(t *testing.T) {
	need.That(t, os.Getenv(envGoMod) != "", "this test does not run under Bazel, so any Go may have compiled it")
	if want := "\ngo " + strings.TrimPrefix(runtime.Version(), "go") + "\n"; !strings.Contains(string(read(t, goMod)), want) {
		t.Errorf("go.mod does not say %q, which is the SDK", want)
	}
}

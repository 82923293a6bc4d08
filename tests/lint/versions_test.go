package lint_test

import (
	"fmt"
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

const annotations, moduleBazel, goMod, goModules = "images/annotations.bzl", "MODULE.bazel", "go.mod", "sealed/go_modules.txt"

// versions returns what stands in several places, by what it is the version of; the first place is the one that people change.
// The modules are those of MODULE.bazel, whose content is text.
func versions(text string) map[string][]place {
	all := map[string][]place{
		// A module has to say its own in a literal, and the ordinary program is compared with this one.
		"the image": {
			{file: annotations, pattern: `(?m)^VERSION = "([^"]*)"`},
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

// differing returns the places that do not have the version that the first place of theirs has. read returns a file's content.
func differing(read func(file string) string) (problems []string) {
	for what, places := range versions(read(moduleBazel)) {
		want := ""
		for i, place := range places {
			m := regexp.MustCompile(place.pattern).FindStringSubmatch(read(place.file))
			switch {
			case m == nil && !place.optional:
				problems = append(problems, fmt.Sprintf("%s: no version of %s where one is expected", place.file, what))
			case m != nil && i == 0:
				want = m[1]
			case m != nil && want != "" && m[1] != want:
				problems = append(problems, fmt.Sprintf("%s has %s %s, and %s has %s", place.file, what, m[1], places[0].file, want))
			}
		}
	}
	return problems
}

// A version is the same wherever it has to stand, and a release is tagged with that of the image.
func TestVersions(t *testing.T) {
	read := func(file string) string { return string(read(t, file)) }
	for _, problem := range differing(read) {
		t.Error(problem)
	}
	if tag := os.Getenv("PAUSE_TAG"); tag != "" && !strings.Contains(read(annotations), `VERSION = "`+strings.TrimPrefix(tag, "v")+`"`) {
		t.Errorf("the tag is %s, which is not the version in %s; tag a commit that has the version", tag, annotations)
	}
}

// go.mod's Go is the SDK that compiled this test.
func TestGoVersion(t *testing.T) {
	need.That(t, os.Getenv(envGoMod) != "", "this test does not run under Bazel, so any Go may have compiled it")
	if want := "\ngo " + strings.TrimPrefix(runtime.Version(), "go") + "\n"; !strings.Contains(string(read(t, goMod)), want) {
		t.Errorf("go.mod does not say %q, which is the SDK", want)
	}
}

// A version that differs is found, and one that is missing; nothing is found in what is right.
func TestDiffering(t *testing.T) {
	right := map[string]string{
		annotations:                     "VERSION = \"2\"\n",
		moduleBazel:                     "module(\n    name = \"p\",\n    version = \"2\",\n)\nbazel_dep(name = \"rules_go\", version = \"1.0\")\n",
		"README.md":                     "| `pause 2` |",
		"example/main.go":               "const version = \"2\"",
		goMod:                           "go 1.2.3\n\n\tgithub.com/bazelbuild/rules_go v1.0\n",
		"tools/freestanding/go_sdk.bzl": "GO_VERSION = \"1.2.3\"\n",
		goModules:                       "# x\ngo_sdk p v0.0.1-go1.2.3.linux-amd64 h1:a\nrules_go p v1.0 h1:a\nrules_go/v2 p v2.0 h1:a\n",
		"tests/consumer/MODULE.bazel":   "bazel_dep(name = \"rules_go\", version = \"1.0\")\n",
		"docs/module.md":                "    bazel_dep(name = \"rules_go\", version = \"1.0\")\n",
	}
	for _, test := range []struct {
		file, from, to string
		want           int
	}{
		{annotations, "", "", 0},
		{annotations, "2", "3", 3},
		{"README.md", "2", "1", 1},
		{"README.md", "pause", "", 1},
		{goMod, "1.2.3", "1.2.4", 2},
		{goMod, "v1.0", "v1.1", 1},
		{goModules, "go1.2.3", "go1.2.4", 1},
		{goModules, "v1.0", "v1.1", 1},
		{goModules, "go_sdk", "sdk", 1},
		{"tools/freestanding/go_sdk.bzl", "1.2.3", "1.2.4", 1},
		{"tests/consumer/MODULE.bazel", "1.0", "1.1", 1},
		{"docs/module.md", "1.0", "1.1", 1},
		{"tests/consumer/MODULE.bazel", "rules_go", "other", 0},
	} {
		problems := differing(func(file string) string {
			if file == test.file {
				return strings.Replace(right[file], test.from, test.to, 1)
			}
			return right[file]
		})
		if len(problems) != test.want {
			t.Errorf("%s with %q for %q: %d problems, want %d: %q", test.file, test.to, test.from, len(problems), test.want, problems)
		}
	}
}

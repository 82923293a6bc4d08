package hygiene

import (
	"regexp"
	"strings"
	"testing"
)

// Each rule finds what was planted, and nothing in what is right.
func TestRules(t *testing.T) {
	commit := strings.Repeat("0123456789", 4)
	documents := func(text string) map[string]string {
		return map[string]string{"docs/a.md": text, "b.md": "# One `two` three\n\n# Same\n\n# Same\n"}
	}
	versions := func(program string) map[string]string {
		return map[string]string{
			"MODULE.bazel": "module(\n    name = \"p\",\n    version = \"2\",\n)", "README.md": "| `pause 2` |", "images/annotations.bzl": "VERSION = \"2\"",
			"bench/programs/idiomatic/main.go": program,
		}
	}
	tracked := []string{"docs/a.md", "b.md"}
	forbidden := append(machineNames("/srv/builds"+"/tree"), names{{"planted", "mirror.example", regexp.MustCompile(`mirror\.example`)}}...)
	for name, test := range map[string]struct {
		problems []string
		want     int
	}{
		"pinned action":       {unpinned("w", "  - uses: a/b@"+commit+" # v1.2.3\n  - uses: ./local"), 0},
		"action by tag":       {unpinned("w", "  - uses: a/b@v1"), 1},
		"action, no version":  {unpinned("w", "    uses: a/b/c@"+commit), 1},
		"same versions":       {sealedVersions("# x\ng p v1.0.0 h1:a\n", `bazel_dep(name = "g", version = "1.0.0")`, "1.2.3"), 0},
		"other version":       {sealedVersions("g p v1.0.1 h1:a\n", `bazel_dep(name = "g", version = "1.0.0")`, "1.2.3"), 1},
		"other toolchain":     {sealedVersions("go_sdk p v0.0.1-go1.2.4.linux-amd64 h1:a\n", "", "1.2.3"), 1},
		"part of a module":    {sealedVersions("g/v2 p/v2 v2.0.1 h1:a\n", `bazel_dep(name = "g", version = "1.0.0")`, "1.2.3"), 0},
		"same Go":             {otherGoVersion("# x\nGO_VERSION = \"1.2.3\"\n", "1.2.3"), 0},
		"other Go":            {otherGoVersion("GO_VERSION = \"1.2.4\"\n", "1.2.3"), 1},
		"no modules":          {sealedVersions("", "", "1.2.3"), 1},
		"modules alike":       {otherModuleVersions(`bazel_dep(name = "rules_go", version = "1.0")`, `bazel_dep(name = "rules_go", version = "1.0")`, "\tgithub.com/bazelbuild/rules_go v1.0\n"), 0},
		"other in consumer":   {otherModuleVersions(`bazel_dep(name = "rules_go", version = "1.0")`, `bazel_dep(name = "rules_go", version = "1.1")`, "\tgithub.com/bazelbuild/rules_go v1.0\n"), 1},
		"other in go.mod":     {otherModuleVersions(`bazel_dep(name = "rules_go", version = "1.0")`, "", "\tgithub.com/bazelbuild/rules_go v1.1\n"), 1},
		"one version":         {otherVersions(versions("const version = \"2\"")), 0},
		"two versions":        {otherVersions(versions("const version = \"1\"")), 1},
		"no version":          {otherVersions(versions("")), 1},
		"command listed":      {unlisted(map[string]string{"a/b/main.go": "\nfunc main() {}\n", "a/c.go": "// func main() {}"}, `["//a/b"]`), 0},
		"command not listed":  {unlisted(map[string]string{"a/b/main.go": "\nfunc main() {}\n"}, `["//a/b/c"]`), 1},
		"what is shipped":     {unlisted(map[string]string{"pause/pause.go": "\nfunc main() {}\n"}, ""), 0},
		"clean text":          {forbidden.find("f", "see https://bazel.build and sealed/root/usr, $root"+"/root"), 0},
		"path of the tree":    {forbidden.find("f", `x "/srv/builds/tree/a"`), 2},
		"folder above":        {forbidden.find("f", `cd /srv/builds/other`), 1},
		"home folder":         {forbidden.find("f", "at /ho"+"me/somebody/x"), 1},
		"added path":          {forbidden.find("f", `root + "/srv/builds/tree/a"`), 0},
		"private host":        {forbidden.find("f", "https://cache.build"+".internal/x"), 1},
		"public Go proxy":     {forbidden.find("f", "https://proxy."+"golang.org,direct"), 1},
		"planted host":        {forbidden.find("f", "mirror.example"), 1},
		"good links":          {brokenLinks(documents("[a](../b.md) [b](../b.md#one-two-three) [c](../b.md#same-1) [d](https://x) `[e](no)`"), tracked), 0},
		"link to nothing":     {brokenLinks(documents("[a](c.md)"), tracked), 1},
		"link to no heading":  {brokenLinks(documents("[a](../b.md#four)"), tracked), 1},
		"definition, nothing": {brokenLinks(documents("[a]: gone.md"), tracked), 1},
	} {
		if len(test.problems) != test.want {
			t.Errorf("%s: %d problems instead of %d: %q", name, len(test.problems), test.want, test.problems)
		}
	}
}

package hygiene

import (
	"testing"
)

// Each rule finds what was planted, and nothing in what is right.
func TestRules(t *testing.T) {
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
	for name, test := range map[string]struct {
		problems []string
		want     int
	}{
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

package hygiene

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

var moduleDep = regexp.MustCompile(`bazel_dep\(name = "([^"]+)", version = "([^"]+)"`)

// sealedVersions compares the modules of sealed/go_modules.txt with the versions in MODULE.bazel and go.mod.
func sealedVersions(goModules, moduleBazel, goVersion string) (problems []string) {
	want := map[string]string{"go_sdk": "v0.0.1-go" + goVersion + ".linux-amd64"}
	for _, m := range moduleDep.FindAllStringSubmatch(moduleBazel, -1) {
		want[m[1]] = "v" + m[2]
	}
	seen := 0
	for line := range strings.Lines(goModules) {
		f := strings.Fields(line)
		if len(f) != 4 || strings.HasPrefix(line, "#") {
			continue
		}
		seen++
		if strings.Contains(f[0], "/") {
			continue // a part of another module: its version is that module's own affair
		}
		if want[f[0]] != f[2] {
			problems = append(problems, fmt.Sprintf("sealed/go_modules.txt has %s %s, but MODULE.bazel and go.mod want %q", f[0], f[2], want[f[0]]))
		}
	}
	if seen == 0 {
		problems = append(problems, "sealed/go_modules.txt names no module")
	}
	return problems
}

var goModule = regexp.MustCompile(`(?m)^\s*github\.com/bazelbuild/rules_go v(\S+)`)

// otherModuleVersions returns the modules that have another version in tests/consumer/MODULE.bazel, or in go.mod, than in
// MODULE.bazel.
func otherModuleVersions(moduleBazel, consumer, goMod string) (problems []string) {
	want := map[string]string{}
	for _, m := range moduleDep.FindAllStringSubmatch(moduleBazel, -1) {
		want[m[1]] = m[2]
	}
	for _, m := range moduleDep.FindAllStringSubmatch(consumer, -1) {
		if version, ok := want[m[1]]; ok && version != m[2] {
			problems = append(problems, fmt.Sprintf("tests/consumer/MODULE.bazel has %s %s, and MODULE.bazel %s", m[1], m[2], version))
		}
	}
	if m := goModule.FindStringSubmatch(goMod); m == nil || m[1] != want["rules_go"] {
		problems = append(problems, fmt.Sprintf("go.mod does not have rules_go v%s, as MODULE.bazel has", want["rules_go"]))
	}
	return problems
}

var goVersion = regexp.MustCompile(`(?m)^GO_VERSION = "([^"]*)"`)

// otherGoVersion returns a problem if tools/freestanding.bzl names another release of Go than go.mod.
func otherGoVersion(freestanding, want string) (problems []string) {
	if m := goVersion.FindStringSubmatch(freestanding); m == nil || m[1] != want {
		problems = append(problems, fmt.Sprintf("go.mod says Go %s, and GO_VERSION in tools/freestanding.bzl does not", want))
	}
	return problems
}

// versionPlaces are where the version of the program and of the image stands. Each is there for a reason of its own: a module
// has to say its own in a literal, and the ordinary program is compared with this one.
var versionPlaces = map[string]*regexp.Regexp{
	"MODULE.bazel":                     regexp.MustCompile(`module\([^)]*version = "([^"]*)"`),
	"README.md":                        regexp.MustCompile("`pause ([0-9][^`]*)`"),
	"images/annotations.bzl":           regexp.MustCompile(`(?m)^VERSION = "([^"]*)"`),
	"bench/programs/idiomatic/main.go": regexp.MustCompile(`(?m)^const version = "([^"]*)"`),
}

// imageVersion returns the version of the image, or "".
func imageVersion(files map[string]string) string {
	const name = "images/annotations.bzl"
	if m := versionPlaces[name].FindStringSubmatch(files[name]); m != nil {
		return m[1]
	}
	return ""
}

// otherVersions returns the places among files, by their names, that have another version than the image.
func otherVersions(files map[string]string) (problems []string) {
	image := imageVersion(files)
	found := map[string]string{}
	for name, pattern := range versionPlaces {
		m := pattern.FindStringSubmatch(files[name])
		if m == nil {
			problems = append(problems, fmt.Sprintf("%s: there is no version where one is expected", name))
			continue
		}
		found[name] = m[1]
	}
	for name, version := range found {
		if image != "" && version != image {
			problems = append(problems, fmt.Sprintf("%s says version %s, and images/annotations.bzl says %s", name, version, image))
		}
	}
	return problems
}

var (
	linkPattern  = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)`)
	definition   = regexp.MustCompile(`(?m)^\[[^\]]+\]:\s+(\S+)`)
	codeBlock    = regexp.MustCompile("(?ms)^\\s*```.*?^\\s*```\\s*$")
	codeSpan     = regexp.MustCompile("`[^`\n]*`")
	heading      = regexp.MustCompile(`(?m)^#{1,6}\s+(.+?)\s*#*\s*$`)
	notInAnchors = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`)
	linkText     = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// brokenLinks returns the relative links in documents (name to content) that lead to no tracked file or to no heading.
// Links with a scheme are not followed: tests have no network.
func brokenLinks(documents map[string]string, tracked []string) (problems []string) {
	there := map[string]bool{"": true, ".": true}
	for _, name := range tracked {
		for ; name != "."; name = path.Dir(name) {
			there[name] = true
		}
	}
	for name, content := range documents {
		prose := codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(content, ""), "")
		links := append(linkPattern.FindAllStringSubmatch(prose, -1), definition.FindAllStringSubmatch(prose, -1)...)
		for _, link := range links {
			u, err := url.Parse(link[1])
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s: the link %s is no URL", name, link[1]))
				continue
			}
			if u.Scheme != "" || u.Host != "" {
				continue
			}
			target := name
			if u.Path != "" {
				target = path.Join(path.Dir(name), u.Path)
			}
			if !there[target] {
				problems = append(problems, fmt.Sprintf("%s: the link %s leads to %s, which is not there", name, link[1], target))
				continue
			}
			if text, ok := documents[target]; ok && u.Fragment != "" && !slices.Contains(anchors(text), u.Fragment) {
				problems = append(problems, fmt.Sprintf("%s: the link %s leads to no heading of %s", name, link[1], target))
			}
		}
	}
	slices.Sort(problems)
	return problems
}

// anchors returns the fragments that GitHub gives the headings of a document.
func anchors(document string) []string {
	var all []string
	seen := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(codeBlock.ReplaceAllString(document, ""), -1) {
		text := linkText.ReplaceAllString(m[1], "$1")
		slug := strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(text), ""), " ", "-")
		n := seen[slug]
		seen[slug]++
		if n > 0 {
			slug = fmt.Sprintf("%s-%d", slug, n)
		}
		all = append(all, slug)
	}
	return all
}

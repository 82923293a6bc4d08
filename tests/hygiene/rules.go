package hygiene

import (
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	usesLine   = regexp.MustCompile(`^\s*(?:- )?uses:\s*(\S+)(.*)$`)
	pinnedUse  = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	versionTag = regexp.MustCompile(`^\s+# v\d+(\.\d+)*$`)
)

// unpinned returns the lines of a workflow that use an action by anything but its full commit, with its version beside.
func unpinned(name, content string) (problems []string) {
	for i, line := range strings.Split(content, "\n") {
		if m := usesLine.FindStringSubmatch(line); m != nil && !strings.HasPrefix(m[1], "./") &&
			(!pinnedUse.MatchString(m[1]) || !versionTag.MatchString(m[2])) {
			problems = append(problems, fmt.Sprintf("%s:%d: %s is not pinned as owner/name@COMMIT # vVERSION", name, i+1, m[1]))
		}
	}
	return problems
}

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

var mainFunc = regexp.MustCompile(`(?m)^func main\(\)`)

// otherPrograms are those that are no commands for people, with the reason.
var otherPrograms = map[string]string{
	"pause":                    "it is what is shipped",
	"sealed/prepare":           "bazelw builds and calls it, alone",
	"tests/consumer":           "it is what another module would ship",
	"bench/programs/idiomatic": "it is what is compared with",
}

// unlisted returns the programs among Go sources, by their names, whose labels are not in the BUILD file build.
func unlisted(sources map[string]string, build string) (problems []string) {
	for name, content := range sources {
		dir := path.Dir(name)
		if otherPrograms[dir] == "" && mainFunc.MatchString(content) && !strings.Contains(build, `"//`+dir+`"`) {
			problems = append(problems, fmt.Sprintf("%s: the command //%s is not listed in tests/commands/BUILD.bazel", name, dir))
		}
	}
	return problems
}

// names are what must not be in a tracked file: whose they are, and how they are found.
type names []struct {
	what    string
	part    string // of whatever pattern finds; looking for it first spares most files the pattern, which is slow
	pattern *regexp.Regexp
}

// machineNames asks the machine for its own names: the folder of the tree, the home folder, and the hosts that its package
// managers and its proxy settings name. What the machine does not tell is covered by the forms that such names have.
func machineNames(root string) names {
	var all names
	add := func(what, before, part, after string) {
		all = append(all, struct {
			what    string
			part    string
			pattern *regexp.Regexp
		}{what, part, regexp.MustCompile(before + regexp.QuoteMeta(part) + after)})
	}
	// A path stands at the start of a word or of a string, and not where one string is added to another.
	const before = "(?:^|[\\s=:(,`]|(?:^|[^+\\s])\\s*[\"'])"
	add("the path of this tree", before, root, `(?:/|\b)`)
	// The folder above is a name of this machine, unless every machine has it.
	if above := filepath.Dir(root); !slices.Contains([]string{"/", "/build", "/home", "/mnt", "/opt", "/root", "/src", "/srv", "/tmp", "/usr", "/var"}, above) {
		add("the folder above this tree", before, above, `(?:/|\b)`)
	}
	if me, err := user.Current(); err == nil && len(me.HomeDir) > 1 {
		add("in the home folder", before, me.HomeDir+"/", `[\w.-]+/`)
	}
	for _, homes := range []string{"/home/", "/Users/"} {
		add("a home folder", before, homes, `[a-z][\w.-]*/`)
	}
	add("a private host", "", "://", `[\w.-]+\.(internal|intranet|corp|lan|local|home\.arpa)\b`)
	for _, host := range machineHosts() {
		add("a host that this machine is set up with", `(?:^|[^\w.-])`, host, `\b`)
	}
	return all
}

var urlPattern = regexp.MustCompile(`https?://[^\s"'|,\]]+`)

// machineHosts returns the hosts of the Go module proxy, the Debian mirrors and the HTTP proxies, and those that stand
// for them where nothing is set.
func machineHosts() []string {
	// In two parts, so that this file may be searched as well.
	hosts := []string{"proxy." + "golang.org", "deb." + "debian.org"}
	var texts []string
	for _, name := range []string{"GOPROXY", "GOSUMDB", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "PAUSE_MIRRORS"} {
		texts = append(texts, os.Getenv(name))
	}
	files, _ := filepath.Glob("/etc/apt/sources.list.d/*")
	for _, file := range append(files, "/etc/apt/sources.list") {
		if content, err := os.ReadFile(file); err == nil {
			texts = append(texts, string(content))
		}
	}
	for _, text := range texts {
		for _, match := range urlPattern.FindAllString(text, -1) {
			if u, err := url.Parse(match); err == nil && u.Hostname() != "" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" {
				hosts = append(hosts, u.Hostname())
			}
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// find returns where content has one of the names.
func (all names) find(name, content string) (problems []string) {
	for _, n := range all {
		if !strings.Contains(content, n.part) {
			continue
		}
		number := 0
		for line := range strings.Lines(content) {
			number++
			if found := n.pattern.FindString(line); found != "" {
				problems = append(problems, fmt.Sprintf("%s:%d: %q is %s", name, number, strings.TrimSpace(found), n.what))
			}
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

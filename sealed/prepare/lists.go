package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// packages is what packages.txt says: the packages of the root, those that it does without, and the files.
type packages struct {
	wanted, without, withoutFiles []string
}

// lines returns the lines of a list without comments and blank lines.
func lines(file string) (out []string, err error) {
	content, err := os.ReadFile(file)
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out, err
}

func readPackages(file string) (packages, error) {
	all, err := lines(file)
	var p packages
	into := &p.wanted
	for _, line := range all {
		switch {
		case line == "without":
			into = &p.without
		case line == "without files":
			into = &p.withoutFiles
		case strings.ContainsAny(line, " \t"):
			return p, fmt.Errorf("%s: %q is not one name", file, line)
		default:
			*into = append(*into, line)
		}
	}
	return p, err
}

// module is a line of go_modules.txt.
type module struct {
	folder, path, version, sum string
}

// readModules also holds the toolchain's version against the version of Go that go.mod wants.
func readModules(file, goVersion string) ([]module, error) {
	all, err := lines(file)
	if err != nil {
		return nil, err
	}
	var out []module
	pinned := ""
	for _, line := range all {
		f := strings.Fields(line)
		if len(f) != 4 || !strings.HasPrefix(f[3], "h1:") {
			return nil, fmt.Errorf("%s: %q is not: folder module version h1:checksum", file, line)
		}
		out = append(out, module{f[0], f[1], f[2], f[3]})
		if f[1] == "golang.org/toolchain" {
			pinned = f[2]
		}
	}
	if want := "v0.0.1-go" + goVersion + ".linux-amd64"; pinned != want {
		return nil, fmt.Errorf("%s names the toolchain %q, but go.mod wants %q; change both together", file, pinned, want)
	}
	return out, nil
}

var goLine = regexp.MustCompile(`(?m)^go (\S+)$`)

// readGoVersion returns the version of Go that a go.mod wants.
func readGoVersion(goMod string) (string, error) {
	content, err := os.ReadFile(goMod)
	if err != nil {
		return "", err
	}
	m := goLine.FindSubmatch(content)
	if m == nil {
		return "", fmt.Errorf("%s does not say which Go it wants", goMod)
	}
	return string(m[1]), nil
}

// What stands in MODULE.bazel: https://bazel.build/rules/lib/globals/module#module.bazel_compatibility
var compatibility = regexp.MustCompile(`bazel_compatibility = \[">=([0-9.]+)"\]`)

// allows says whether bazel_compatibility in a MODULE.bazel, which names the oldest version alone, allows a version of Bazel, such
// as 7.7.1. Bazel checks that itself, but Debian's does not know its own version.
func allows(moduleBazel, version string) bool {
	m := compatibility.FindStringSubmatch(moduleBazel)
	return m != nil && slices.Compare(numbers(version), numbers(m[1])) >= 0
}

func numbers(version string) (all []int) {
	for _, part := range strings.Split(version, ".") {
		n, _ := strconv.Atoi(part)
		all = append(all, n)
	}
	return all
}

// Package format puts a source file into the form that its standard formatter gives it: gofumpt for Go, buildifier for
// Starlark, shfmt for shell scripts. The formatters are called as libraries, so that the command that fixes and the test
// that complains cannot disagree.
package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bazelbuild/buildtools/build"
	"github.com/bazelbuild/buildtools/warn"
	gofumpt "mvdan.cc/gofumpt/format"
	"mvdan.cc/sh/v3/syntax"
)

// File returns the formatted content of a file, and what its linter finds that cannot be fixed by itself, one line each.
// name is the path below the root of the repository, with slashes. The content of a file of no known kind is returned
// as it is. A file that does not parse is an error. options are those of ReadModule.
func File(name string, content []byte, options gofumpt.Options) (formatted []byte, findings []string, err error) {
	switch {
	case strings.HasSuffix(name, ".go"):
		formatted, err = gofumpt.Source(content, options)
	case IsStarlark(name):
		formatted, findings, err = starlark(name, content)
	case IsShell(name, content):
		formatted, err = shell(name, content)
	default:
		return content, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return formatted, findings, nil
}

// IsStarlark reports whether the file of that name is written in Starlark.
func IsStarlark(name string) bool {
	base := path.Base(name)
	return strings.HasSuffix(base, ".bzl") || base == "BUILD.bazel" || base == "MODULE.bazel" || base == "REPO.bazel"
}

// IsShell reports whether a file is a shell script: by its name, or by its first line.
func IsShell(name string, content []byte) bool {
	if strings.HasSuffix(name, ".sh") {
		return true
	}
	first, _, _ := bytes.Cut(content, []byte("\n"))
	return bytes.HasPrefix(first, []byte("#!")) && (bytes.HasSuffix(first, []byte("/bash")) || bytes.HasSuffix(first, []byte("/sh")) || bytes.HasSuffix(first, []byte("env bash")))
}

// starlark formats as `buildifier -lint=fix` does, with its default warnings.
func starlark(name string, content []byte) ([]byte, []string, error) {
	file, err := build.Parse(name, content)
	if err != nil {
		return nil, nil, err
	}
	file.Pkg = path.Dir(name)
	if file.Pkg == "." {
		file.Pkg = ""
	}
	file.Label = path.Base(name)
	warn.FixWarnings(file, warn.DefaultWarnings, false, nil)
	formatted := build.Format(file)
	var findings []string
	for _, f := range warn.FileWarnings(file, warn.DefaultWarnings, nil, warn.ModeWarn, nil) {
		findings = append(findings, fmt.Sprintf("%s:%d: %s: %s", name, f.Start.Line, f.Category, f.Message))
	}
	return formatted, findings, nil
}

// shell formats as `shfmt -i 2 -ci` does; .editorconfig says the same to editors.
func shell(name string, content []byte) ([]byte, error) {
	script, err := syntax.NewParser(syntax.KeepComments(true), syntax.Variant(syntax.LangBash)).Parse(bytes.NewReader(content), name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = syntax.NewPrinter(syntax.Indent(2), syntax.SwitchCaseIndent(true)).Print(&out, script)
	return out.Bytes(), err
}

// Files lists the regular files below root that git tracks, or would track if they were added, as paths below root with
// slashes. Symbolic links are left out: what they point to is listed on its own.
func Files(ctx context.Context, root string) ([]string, error) {
	// The tree may belong to another user than the one in the sealed root or the container.
	cmd := exec.CommandContext(ctx, "git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		return nil, fmt.Errorf("git cannot list the files of %s: %w", root, err)
	}
	var names []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		// A tracked file may have been removed from the tree and not yet from the index.
		if info, err := os.Lstat(filepath.Join(root, name)); err == nil && info.Mode().IsRegular() {
			names = append(names, name)
		}
	}
	return names, nil
}

var (
	moduleLine = regexp.MustCompile(`(?m)^module (\S+)$`)
	goLine     = regexp.MustCompile(`(?m)^go (\S+)$`)
)

// ReadModule returns what gofumpt has to know of the Go module in root: its path and its version of the language.
func ReadModule(root string) (options gofumpt.Options, err error) {
	content, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return options, err
	}
	path, version := moduleLine.FindSubmatch(content), goLine.FindSubmatch(content)
	if path == nil || version == nil {
		return options, errors.New("go.mod has no line module, or no line go")
	}
	return gofumpt.Options{LangVersion: "go" + string(version[1]), ModulePath: string(path[1])}, nil
}

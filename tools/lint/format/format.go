// Package format puts a source file into the form that its standard formatter gives it: gofumpt for Go, buildifier for
// Starlark, shfmt for shell scripts. The formatters are called as libraries, so that the command that fixes and the test
// that complains cannot disagree.
package format

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/bazelbuild/buildtools/build"
	"github.com/bazelbuild/buildtools/warn"
	gofumpt "mvdan.cc/gofumpt/format"
	"mvdan.cc/sh/v3/syntax"
)

// File returns the formatted content of a file, and what its linter finds that cannot be fixed by itself, one line each.
// name is the path below the root of the repository, with slashes. The content of a file of no known kind is returned
// as it is. A file that does not parse is an error.
func File(name string, content []byte, module Module) (formatted []byte, findings []string, err error) {
	switch {
	case strings.HasSuffix(name, ".go"):
		formatted, err = gofumpt.Source(content, gofumpt.Options{LangVersion: "go" + module.Go, ModulePath: module.Path})
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

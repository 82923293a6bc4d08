// Command format formats every file of the repository in place: BUILD files by Gazelle and buildifier, Go by gofumpt, shell
// scripts by shfmt.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bazelbuild/rules_go/go/runfiles"
	gofumpt "mvdan.cc/gofumpt/format"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/lint/format"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	return &command.Command{
		Name: "format",
		Call: "./bazelw run //tools:format --",
		Summary: "Formats every file of the repository in place: BUILD files by Gazelle and buildifier, Go by gofumpt, shell scripts by\n" +
			"shfmt. It prints the name of each file that it changed, and what a linter found that only an author can mend.",
		Examples: []string{"./bazelw run //tools:format"},
		Run: func(ctx context.Context, _ []string, stdout io.Writer) error {
			found, err := run(ctx, stdout)
			if err == nil && found > 0 {
				err = fmt.Errorf("%d findings are left to you", found)
			}
			return err
		},
	}
}

// run formats the tree that `bazel run` was called in, and returns the number of findings left.
func run(ctx context.Context, stdout io.Writer) (found int, err error) {
	root := os.Getenv("BUILD_WORKSPACE_DIRECTORY")
	if root == "" {
		return 0, errors.New("run it by `./bazelw run //tools:format`: it needs BUILD_WORKSPACE_DIRECTORY to know which tree to format")
	}
	options, err := format.ReadModule(root)
	if err != nil {
		return 0, err
	}
	// Gazelle first: what it writes is formatted like everything else.
	if err := gazelle(ctx); err != nil {
		return 0, err
	}
	names, err := format.Files(ctx, root)
	if err != nil {
		return 0, err
	}
	var failed []error
	for _, name := range names {
		if ctx.Err() != nil {
			return 0, errors.New("interrupted; the files named above are done")
		}
		findings, err := file(root, name, options, stdout)
		if err != nil {
			failed = append(failed, err)
		}
		for _, finding := range findings {
			fmt.Fprintln(os.Stderr, finding)
		}
		found += len(findings)
	}
	return found, errors.Join(failed...)
}

// file formats one file in place.
func file(root, name string, options gofumpt.Options, stdout io.Writer) ([]string, error) {
	full := filepath.Join(root, name)
	content, err := os.ReadFile(full)
	if err != nil {
		return nil, err
	}
	formatted, findings, err := format.File(name, content, options)
	if err != nil || bytes.Equal(content, formatted) {
		return findings, err
	}
	info, err := os.Stat(full)
	if err != nil {
		return findings, err
	}
	if err := stage.Write(full, formatted, info.Mode().Perm()); err != nil {
		return findings, err
	}
	fmt.Fprintln(stdout, name)
	return findings, nil
}

// gazelle brings the BUILD files up to date, by the target that the environment variable PAUSE_GAZELLE names.
func gazelle(ctx context.Context) error {
	// The target has two files: the program, and a script that it runs.
	name, _, _ := strings.Cut(os.Getenv("PAUSE_GAZELLE"), " ")
	program, err := runfiles.Rlocation(name)
	if err != nil {
		return fmt.Errorf("no Gazelle among the runfiles (%w); run this by `./bazelw run //tools:format`", err)
	}
	environment, err := runfiles.Env()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running Gazelle: %w", err)
	}
	return nil
}

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
		Run:      run,
	}
}

// run formats the tree that `bazel run` was called in.
func run(ctx context.Context, _ []string, stdout io.Writer) error {
	root := os.Getenv("BUILD_WORKSPACE_DIRECTORY")
	if root == "" {
		return errors.New("run it by `./bazelw run //tools:format`: it needs BUILD_WORKSPACE_DIRECTORY to know which tree to format")
	}
	options, err := format.ReadModule(root)
	if err != nil {
		return err
	}
	// Gazelle first: what it writes is formatted like everything else.
	if err := gazelle(ctx); err != nil {
		return err
	}
	names, err := format.Files(ctx, root)
	if err != nil {
		return err
	}
	found := 0
	for _, name := range names {
		if ctx.Err() != nil {
			return errors.New("interrupted; the files named above are done")
		}
		full := filepath.Join(root, name)
		content, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		formatted, findings, err := format.File(name, content, options)
		if err != nil {
			return err
		}
		for _, finding := range findings {
			fmt.Fprintln(os.Stderr, finding)
		}
		found += len(findings)
		if bytes.Equal(content, formatted) {
			continue
		}
		info, err := os.Stat(full)
		if err != nil {
			return err
		}
		if err := stage.Write(full, formatted, info.Mode().Perm()); err != nil {
			return err
		}
		fmt.Fprintln(stdout, name)
	}
	if found > 0 {
		return fmt.Errorf("%d findings are left to you", found)
	}
	return nil
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

package bazel

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"example.com/pause/bench/lib"
)

// A Site is where a command works that builds a checkout again and again.
type Site struct {
	Workspace    string // the checkout
	Repositories string // the checkout's output base, which new ones take their external repositories from
	Dir          string // a new folder for everything that is made
}

// Declare declares the flag of such commands that Open takes.
func Declare(flags *flag.FlagSet) *string {
	return flags.String("scratch", "", "`folder` in the home folder to work in, about 4 GB (default: a new one in the user's cache folder)")
}

// Open finds the checkout, and makes a folder to work in, whose name begins with name, in the folder that the flag of Declare
// gives.
func Open(ctx context.Context, in, name string) (s Site, err error) {
	if s.Workspace, err = Workspace(); err != nil {
		return s, err
	}
	var out bytes.Buffer
	r := Run{Workspace: s.Workspace, Command: "info", Args: []string{"output_base"}, Stdout: &out}
	if _, err := r.Do(ctx); err != nil {
		return s, err
	}
	s.Repositories = strings.TrimSpace(out.String())
	s.Dir, err = scratch(in, name)
	return s, err
}

// Workspace returns the checkout to build: the one that `bazel run` was called in, or the current folder.
func Workspace() (string, error) {
	dir := os.Getenv("BUILD_WORKSPACE_DIRECTORY")
	if dir == "" {
		var err error
		if dir, err = os.Getwd(); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "MODULE.bazel")); err != nil {
		return "", fmt.Errorf("%s is not the folder of a checkout; call `bazel run` in one", dir)
	}
	return dir, nil
}

// scratch makes a new folder to work in, within folder in or, if that is "", within the user's cache folder. It must not be
// in /tmp, which Bazel's sandbox hides. Other users may look into it, as builds under another user have to.
func scratch(in, name string) (string, error) {
	if in == "" {
		var err error
		if in, err = os.UserCacheDir(); err != nil {
			return "", fmt.Errorf("%w; give --scratch a folder", err)
		}
	}
	in, err := filepath.Abs(in)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(in, 0o777); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(in, name)
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// Do runs Bazel with the command r.Command, and shows meanwhile that it does what.
func (s Site) Do(ctx context.Context, what string, r Run) (Counts, error) {
	defer lib.Progress("building: "+what, -1).Finish()
	return r.Do(ctx)
}

// Seed gives a new output base the external repositories that others have fetched, and nothing else: no result of an
// action. Fetching takes minutes, and no cache of actions has a part in it. Where nothing was fetched yet, it leaves that
// to Bazel.
func (s Site) Seed(outputBase string) error {
	if err := os.MkdirAll(outputBase, 0o777); err != nil {
		return err
	}
	from := filepath.Join(s.Repositories, "external")
	if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	out, err := exec.Command("cp", "-a", from, outputBase).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copying external repositories: %s", tail(string(out), 1))
	}
	return nil
}

// Copy copies what git tracks of the checkout, as it is now, to the new folder to. user.bazelrc is not copied: it is of
// one developer.
func (s Site) Copy(to string) error {
	// The checkout may belong to another user than the one, root, who runs this.
	const script = `mkdir -p "$1" && git -c safe.directory='*' ls-files -z | tar -c --null -T - | tar -x -C "$1"`
	cmd := exec.Command("bash", "-o", "pipefail", "-c", script, "copy", to)
	cmd.Dir = s.Workspace
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copying the checkout (is a file deleted that git still tracks?): %w: %s", err, tail(string(out), 1))
	}
	return nil
}

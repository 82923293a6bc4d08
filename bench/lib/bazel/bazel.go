// Package bazel runs Bazel for tests whose subject is the build itself: which actions ran, where, and what came out.
package bazel

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/pause/tools/oci"
)

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

// A Run is one call of Bazel.
type Run struct {
	Workspace  string   // folder of the checkout
	OutputBase string   // outside the workspace; "" is the one that Bazel takes by itself
	Env        []string // added to this process's environment: NAME=VALUE; NAME= with nothing leaves it empty
	Wrap       []string // a command in front, such as unshare; it must run its last arguments
	Command    string   // build, aquery ...
	Args       []string
	Stdout     io.Writer // nil: dropped
	Log        io.Writer // what Bazel says on standard error; nil: dropped unless it fails
}

// Counts says what a build did.
type Counts struct {
	Runners map[string]int // how many actions each runner did: "remote cache hit", "linux-sandbox", "internal" ...
	Wall    time.Duration
}

// Hits returns the number of actions whose results came from a cache, remote or on disk.
func (c Counts) Hits() int {
	return c.Runners["remote cache hit"] + c.Runners["disk cache hit"]
}

// Executed returns the number of actions that ran a process.
func (c Counts) Executed() int {
	n := 0
	for runner, count := range c.Runners {
		if !slices.Contains([]string{"total", "internal", "remote cache hit", "disk cache hit"}, runner) {
			n += count
		}
	}
	return n
}

// Do runs Bazel and returns what it did, as its build event protocol says; it is empty for commands that build nothing.
// The variable BAZEL names the program; otherwise it is the checkout's bazelw.
func (r Run) Do(ctx context.Context) (Counts, error) {
	program := os.Getenv("BAZEL")
	if program == "" {
		program = filepath.Join(r.Workspace, "bazelw")
	}
	events, err := os.CreateTemp("", "events*.json")
	if err != nil {
		return Counts{}, err
	}
	events.Close()
	defer os.Remove(events.Name())
	args := append(slices.Clone(r.Wrap), program)
	if r.OutputBase != "" {
		args = append(args, "--output_base="+r.OutputBase, "--max_idle_secs=300")
	}
	args = append(args, r.Command)
	if r.Command == "build" {
		// Both Bazel in a root of its own and Bazel under another user must be able to write it.
		args = append(args, "--build_event_json_file="+events.Name(), "--color=no", "--curses=no", "--noshow_progress", "--symlink_prefix=/")
		if err := os.Chmod(events.Name(), 0o666); err != nil {
			return Counts{}, err
		}
	}
	args = append(args, r.Args...)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = r.Workspace
	cmd.Env = append(os.Environ(), r.Env...)
	// Interrupted, Bazel ends its actions and answers; killed, its server would go on.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	// In a process group of its own, so that Ctrl-C in a terminal does not interrupt it a second time: a third would kill
	// its server.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 30 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	if r.Log != nil {
		cmd.Stderr = io.MultiWriter(&said, r.Log)
	}
	cmd.Stdout = r.Stdout
	start := time.Now()
	err = cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return Counts{}, fmt.Errorf("%s %s: %w\n%s", program, r.Command, errors.Join(ctx.Err(), err), tail(said.String(), 25))
	}
	if r.Command != "build" {
		return Counts{Wall: wall}, nil
	}
	counts, err := readEvents(events.Name())
	counts.Wall = wall
	return counts, err
}

// Shutdown ends the Bazel server of an output base, if one is up.
func (r Run) Shutdown() error {
	r.Command, r.Args = "shutdown", nil
	_, err := r.Do(context.Background())
	return err
}

// tail returns the last n lines of text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// readEvents reads a file of --build_event_json_file.
func readEvents(path string) (Counts, error) {
	file, err := os.Open(path)
	if err != nil {
		return Counts{}, err
	}
	defer file.Close()
	return parseEvents(file)
}

// parseEvents finds the metrics among build events, one a line in the JSON form of build_event_stream.proto.
func parseEvents(r io.Reader) (Counts, error) {
	counts := Counts{Runners: map[string]int{}}
	found := false
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var event struct {
				BuildMetrics *struct {
					ActionSummary struct {
						RunnerCount []struct {
							Name  string
							Count json.Number
						}
					}
				}
			}
			if err := json.Unmarshal(line, &event); err != nil {
				return counts, fmt.Errorf("build event: %w", err)
			}
			if event.BuildMetrics != nil {
				found = true
				for _, runner := range event.BuildMetrics.ActionSummary.RunnerCount {
					n, err := strconv.Atoi(runner.Count.String())
					if err != nil {
						return counts, fmt.Errorf("build event: runner %s: %w", runner.Name, err)
					}
					counts.Runners[runner.Name] = n
				}
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return counts, err
		}
	}
	if !found {
		return counts, errors.New("the build events have no metrics")
	}
	return counts, nil
}

// Bin returns the folder bazel-bin of an output base for the target platform of a build in the given compilation mode.
func Bin(outputBase, mode string) (string, error) {
	found, err := filepath.Glob(filepath.Join(outputBase, "execroot", "_main", "bazel-out", "*-"+mode, "bin"))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%s has %d folders for compilation mode %s, expected one", outputBase, len(found), mode)
	}
	return found[0], nil
}

// Digest returns the digest of //images:pause in a bazel-bin folder, having read and verified the layout whole.
func Digest(bin string) (string, error) {
	layout, err := oci.Open(filepath.Join(bin, "images", "pause"))
	if err != nil {
		return "", err
	}
	manifest, err := layout.Only()
	if err != nil {
		return "", err
	}
	return manifest.Desc.Digest.String(), nil
}

// Forget removes what the program's and the images' actions made, so that the next build must do them again, or fetch
// them from a cache, while the tools they run stay.
func Forget(bin string) error {
	for _, dir := range []string{"images", "pause"} {
		if err := RemoveAll(filepath.Join(bin, dir)); err != nil {
			return err
		}
	}
	return nil
}

// RemoveAll is os.RemoveAll for what Bazel made: it writes folders that nobody may write.
func RemoveAll(dir string) error {
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}

// Scratch makes a new folder to work in, within folder in or, if that is "", within the user's cache folder. It must not be
// in /tmp, which Bazel's sandbox hides. Other users may look into it, as builds under another user have to.
func Scratch(in, name string) (string, error) {
	if in == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("%w; give --scratch a folder", err)
		}
		in = cache
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

// Seed gives a new output base the external repositories that another has fetched, and nothing else of it: no result of
// an action. Fetching takes minutes, and no cache of actions has a part in it. Where nothing was fetched yet, it leaves
// that to Bazel.
func Seed(outputBase, from string) error {
	if err := os.MkdirAll(outputBase, 0o777); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(from, "external")); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	out, err := exec.Command("cp", "-a", filepath.Join(from, "external"), outputBase).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copying external repositories: %s", tail(string(out), 1))
	}
	return nil
}

// OutputBase returns the output base that Bazel itself takes for a workspace.
func OutputBase(ctx context.Context, workspace string) (string, error) {
	var out bytes.Buffer
	r := Run{Workspace: workspace, Command: "info", Args: []string{"output_base"}, Stdout: &out}
	if _, err := r.Do(ctx); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}

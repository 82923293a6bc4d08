// Package bazel runs Bazel for benchmarks whose subject is the build itself: which actions ran, where, and what came out.
package bazel

import (
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
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/validate"

	"example.com/pause/tests/lib/bundle"
)

// A Run is one call of Bazel.
type Run struct {
	Workspace  string   // folder of the checkout
	OutputBase string   // outside the workspace; "" is the one that Bazel takes by itself
	Env        []string // added to this process's environment: NAME=VALUE; NAME= with nothing leaves it empty
	Wrap       []string // a command in front, such as unshare; it must run its last arguments
	Command    string   // build, test, aquery ...
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

// Do runs Bazel and returns what it did, as its build event protocol says; only build and test have Runners.
func (r Run) Do(ctx context.Context) (Counts, error) {
	program := filepath.Join(r.Workspace, "bazelw")
	args := append(slices.Clone(r.Wrap), program)
	if r.OutputBase != "" {
		args = append(args, "--output_base="+r.OutputBase, "--max_idle_secs=300")
	}
	args = append(args, r.Command)
	var events *os.File
	if r.Command == "build" || r.Command == "test" {
		var err error
		if events, err = os.CreateTemp("", "events*.json"); err != nil {
			return Counts{}, err
		}
		defer os.Remove(events.Name())
		defer events.Close()
		// Bazel under another user must be able to write it, too.
		if err := events.Chmod(0o666); err != nil {
			return Counts{}, err
		}
		args = append(args, "--build_event_json_file="+events.Name(), "--color=no", "--curses=no", "--noshow_progress", "--symlink_prefix=/")
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
	err := cmd.Run()
	counts := Counts{Wall: time.Since(start)}
	if err != nil {
		return counts, fmt.Errorf("%s %s: %w\n%s", program, r.Command, errors.Join(ctx.Err(), err), tail(said.String(), 25))
	}
	if events != nil {
		counts.Runners, err = parseEvents(events)
	}
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

// parseEvents finds the metrics among build events, in the JSON form of build_event_stream.proto.
func parseEvents(r io.Reader) (map[string]int, error) {
	var runners map[string]int
	for events := json.NewDecoder(r); ; {
		var event struct {
			BuildMetrics *struct {
				ActionSummary struct {
					RunnerCount []struct {
						Name  string
						Count int
					}
				}
			}
		}
		if err := events.Decode(&event); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("build event: %w", err)
		}
		if event.BuildMetrics != nil {
			runners = map[string]int{}
			for _, runner := range event.BuildMetrics.ActionSummary.RunnerCount {
				runners[runner.Name] = runner.Count
			}
		}
	}
	if runners == nil {
		return nil, errors.New("the build events have no metrics")
	}
	return runners, nil
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

// Digest returns the digest of //images:pause in a bazel-bin folder, having read and verified every blob of it.
func Digest(bin string) (string, error) {
	dir := filepath.Join(bin, "images", "pause")
	index, err := bundle.Layout(dir)
	if err != nil {
		return "", err
	}
	if err := validate.Index(index); err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return "", err
	}
	if len(manifest.Manifests) != 1 {
		return "", fmt.Errorf("%s: index.json has %d entries; want one", dir, len(manifest.Manifests))
	}
	return manifest.Manifests[0].Digest.String(), nil
}

// Forget removes what the program's and the images' actions made, so that the next build must do them again, or fetch
// them from a cache, while the tools they run stay.
func Forget(bin string) error {
	return errors.Join(RemoveAll(filepath.Join(bin, "images")), RemoveAll(filepath.Join(bin, "pause")))
}

// RemoveAll is os.RemoveAll for what Bazel made: it writes folders that nobody may write.
func RemoveAll(dir string) error {
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}

package engines

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"example.com/pause/tests/lib/bundle"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/proc"
)

// TestCrun: crun runs the image as an OCI bundle and keeps every promise.
func TestCrun(t *testing.T) {
	isolated(t)
	// Without a cgroup: crun 1.8 cannot make one where the memory lock limit cannot be raised.
	promises(t, ociRuntime{program: need.Program(t, "crun", "crun"), flags: []string{"--cgroup-manager=disabled"}})
}

// TestRunc: runc runs the image as an OCI bundle and keeps every promise.
func TestRunc(t *testing.T) {
	isolated(t)
	promises(t, ociRuntime{program: need.Program(t, "runc", "runc")})
}

// ociRuntime is a program with the command line that the OCI runtimes share.
type ociRuntime struct {
	program string
	flags   []string // before the subcommand
}

func (ociRuntime) filters() bool { return false }

func (r ociRuntime) start(t *testing.T, profile string) container {
	t.Helper()
	dir := r.bundle(t, profile)
	pidFile := filepath.Join(dir, "pid")
	cmd := proc.Start(t, r.program, r.args(dir, "run", "--bundle", dir, "--pid-file", pidFile, "x")...)
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Code(t)
		proc.Start(t, r.program, r.args(dir, "delete", "--force", "x")...).Code(t)
	})
	return container{pid: awaitPID(t, cmd, pidFile), stop: func(t *testing.T) int {
		t.Helper()
		run(t, r.program, r.args(dir, "kill", "x", "TERM")...)
		return cmd.Code(t)
	}}
}

func (r ociRuntime) print(t *testing.T, args ...string) string {
	t.Helper()
	dir := r.bundle(t, "", args...)
	return run(t, r.program, r.args(dir, "run", "--bundle", dir, "x")...)
}

// args are the arguments that call the runtime with its state below dir.
func (r ociRuntime) args(dir string, args ...string) []string {
	return slices.Concat(r.flags, []string{"--root", filepath.Join(dir, "state")}, args)
}

// bundle unpacks the image into an OCI bundle, with args after the entrypoint, and returns its folder.
func (r ociRuntime) bundle(t *testing.T, profile string, args ...string) string {
	t.Helper()
	dir := temp(t)
	process := unpack(t, filepath.Join(dir, "rootfs"))
	process.Args = append(process.Args, args...)
	// runc refuses to start without /proc.
	spec := bundle.Config(bundle.Options{Process: process, Root: "rootfs", Netns: true, Cgroup: "/pause", Proc: true})
	if profile != "" {
		content, err := os.ReadFile(profile)
		need.NoError(t, err)
		need.NoError(t, json.Unmarshal(content, &spec.Linux.Seccomp))
	}
	content, err := json.Marshal(spec)
	need.NoError(t, err)
	need.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), content, 0o644))
	return dir
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pods"
)

// A small fleet starts, sleeps in one thread a container, is measured, stops and is gone, with and without namespaces and
// cgroups of its own; the result is on stdout and in the JSON.
func TestFleet(t *testing.T) {
	for _, test := range []struct {
		engine        string
		netns, cgroup bool
	}{{"crun", false, false}, {"crun", true, true}, {"runc", false, true}} {
		t.Run(fmt.Sprintf("%s netns=%v cgroup=%v", test.engine, test.netns, test.cgroup), func(t *testing.T) {
			need.Program(t, test.engine, test.engine)
			result := filepath.Join(shared(t), "r.json")
			o := play(t, []trial{{Args: []string{
				layout(t), "--count=10", "--json=" + result, "--engine=" + test.engine, fmt.Sprintf("--netns=%v", test.netns), fmt.Sprintf("--cgroup=%v", test.cgroup),
			}}})[0]
			run := checkTen(t, o, result)
			if !strings.Contains(o.Output, "memory each, kB") || !strings.HasPrefix(run.Engine, test.engine+" ") || run.Netns != test.netns ||
				run.Cgroup != test.cgroup || run.Start.Seconds <= 0 || run.StopSeconds <= 0 {
				t.Errorf("got %+v and %s", run, o.Output)
			}
		})
	}
}

// checkTen checks that a fleet of ten containers of one thread was measured and left nothing, and returns what it reported.
func checkTen(t *testing.T, o outcome, result string) Run {
	t.Helper()
	checkNothingLeft(t, "a small fleet", o)
	if o.Status != 0 {
		t.Fatalf("status %d, output:\n%s", o.Status, o.Output)
	}
	run := read(t, result).Runs[0]
	if run.Count != 10 || run.Failures != 0 || run.Processes != 10 || run.Threads != 10 {
		t.Errorf("got %+v, want 10 containers of one thread", run)
	}
	return run
}

// Without root a user namespace stands in for it, and the fleet starts, sleeps and leaves nothing as ever. Cgroups cannot be
// had then, which is said.
func TestFleetWithoutRoot(t *testing.T) {
	image := strings.TrimPrefix(layout(t), "--layout=")
	dir := shared(t)
	// Bazel's folders may be closed to other users.
	need.NoError(t, os.CopyFS(filepath.Join(dir, "image"), os.DirFS(image)))
	const nobody = 65534
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	})
	need.NoError(t, err)
	result := filepath.Join(dir, "r.json")
	args := []string{"--layout=" + filepath.Join(dir, "image"), "--count=10", "--json=" + result}
	outcomes := play(t, []trial{{Args: args, User: nobody}, {Args: append(args, "--cgroup"), User: nobody}})
	if o := outcomes[1]; o.Status == 0 || !strings.Contains(o.Output, "cgroups need root") {
		t.Errorf("with --cgroup: status %d, output: %s", o.Status, o.Output)
	}
	o := outcomes[0]
	// AppArmor lets users have the namespace, and nothing in it.
	refused := strings.Contains(o.Output, "no new user namespace") || strings.Contains(o.Output, "make the mounts private")
	need.That(t, !refused, "user namespaces without root: "+o.Output)
	checkTen(t, o, result)
}

// Pods of containerd start, are measured part by part beside pods of ordinary programs, stop and leave nothing, also when the
// command is interrupted.
func TestFleetOfPods(t *testing.T) {
	for _, program := range []string{"containerd", "ctr", "containerd-shim-runc-v2", "runc"} {
		need.Program(t, program, "containerd")
	}
	need.That(t, pods.Plugins() != "", "no CNI plugins; Debian's package containernetworking-plugins has them")
	need.That(t, os.Getenv(envOrdinary) != "", envOrdinary+" is not set: it names the ordinary program, which //example:pause builds")
	result := filepath.Join(shared(t), "r.json")
	args := []string{layout(t), "--engine=containerd", "--count=2", "--json=" + result}
	outcomes := play(t, []trial{{Args: args}, {Args: args, Victim: theCommand, Signal: syscall.SIGINT, Cgroup: true}})
	for _, o := range outcomes {
		checkNothingLeft(t, "a fleet of pods", o)
	}
	if o := outcomes[1]; o.Status == 0 || !o.Hit {
		t.Errorf("interrupted: %v, status %d, output:\n%s", o.Hit, o.Status, o.Output)
	}
	if o := outcomes[0]; o.Status != 0 || !strings.Contains(o.Output, "of it the shim") {
		t.Fatalf("status %d, output:\n%s", o.Status, o.Output)
	}
	r := read(t, result)
	networks := map[string]int{}
	for _, run := range r.Runs {
		if run.Netns {
			networks[run.Name]++
		}
		if run.Failures != 0 || run.Processes != 2 || !strings.HasPrefix(run.Engine, "containerd ") {
			t.Errorf("got %+v, want 2 pods", run)
		}
		if p := run.Pod; p == nil || p.Pause <= 0 || p.Pause > 4000 || p.Shim < 1000 {
			t.Errorf("%s: the parts of a pod are %+v, want a small process and a shim of a few MB", run.Label(), p)
		}
	}
	if networks["pause"] != 1 || networks[ordinaryGo] != 1 || len(r.Runs) != 2*len(networks) {
		t.Errorf("%d fleets, those with networks: %v; want the image and an ordinary Go program, each with and without", len(r.Runs), networks)
	}
}

// read reads the report that a fleet wrote.
func read(t *testing.T, path string) (r Report) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil || len(r.Runs) == 0 {
		t.Fatalf("%s: %v; want a report with a run", path, err)
	}
	return r
}

// shared returns a new folder that a scene sees as the test does.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev", "fleet")
	need.That(t, err == nil, fmt.Sprintf("a folder where a scene sees it as the test does: %v; run the tests as root", err))
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Bad input is refused with a line that says what to do, before anything is started.
func TestBadInputIsRefused(t *testing.T) {
	t.Setenv(envLayout, "")
	t.Setenv(envOrdinary, "")
	engine, image := "--engine=/bin/true", "--layout=x"
	fake := func(name string) string {
		path := filepath.Join(t.TempDir(), name)
		need.NoError(t, os.Symlink("/bin/true", path))
		return "--engine=" + path
	}
	containerd := fake("containerd")
	for want, args := range map[string][]string{
		"must be at least 1":                  {"--count=0"},
		"unexpected argument":                 {"10000"},
		"--engine=no-such-engine":             {"--engine=no-such-engine", image},
		"use one of those, or containerd":     {fake("docker"), image},
		"add --cgroup":                        {fake("runc"), image},
		"does without --netns":                {containerd, image, "--netns"},
		"takes at most 1000":                  {containerd, image, "--count=1001"},
		"give --layout=FOLDER":                {engine},
		"the comparison needs an ordinary Go": {engine, image, "--compare"},
		"would not fit here":                  {engine, image, "--count=100000000"},
	} {
		var out, said strings.Builder
		code := newCommand().Execute(t.Context(), args, &out, &said)
		if code == 0 || !strings.Contains(said.String(), want) || strings.Count(said.String(), "\n") != 1 {
			t.Errorf("%q: exit code %d, %q; want one line with %q", args, code, said.String(), want)
		}
		if out.Len() > 0 {
			t.Errorf("%q: printed %q", args, out.String())
		}
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pause/tests/lib/jail"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

// The test's own program also stands in for the command, and for a scene: a machine in small, made of namespaces, in which the
// command runs, and where a test sees all that the command leaves behind and nothing that others do meanwhile.
const (
	envCommand = "PAUSE_FLEET_COMMAND" // "1": be the command
	sceneFirst = "--first-of-the-scene"
	sceneMain  = "--scene"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case sceneFirst:
			exit(jail.Init([]string{sceneMain}))
		case sceneMain:
			exit(scene())
		}
	}
	if os.Getenv(envCommand) == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// trial is a run of the command in a scene. Unless Victim is "", a process is sent Signal when Delay has passed; if it is gone
// by then, the command runs again, and it is sent Signal sooner.
type trial struct {
	Args   []string
	Victim victim
	Signal syscall.Signal
	Delay  time.Duration
	Cgroup bool   // strike not after Delay, but as soon as a container of the fleet has a cgroup
	User   uint32 // runs the command, as a group of that number, too; 0: root
}

// outcome is what was left of it.
type outcome struct {
	Status  int // of the command; -1 if it was killed
	Output  string
	Took    time.Duration
	Hit     bool     // the victim was there to be sent the signal
	Left    []string // a line for each process, mount, cgroup and file that was not there before
	Removed []string // a line for each that was there and is not
}

// victim names a process of the command; an argument or the name it has tells it from the others.
type victim string

const (
	theCommand victim = "command"
	theFirst   victim = first  // PID 1 of the namespaces
	theDriver  victim = inside // which starts the engines
	theKeeper  victim = keeper // which removes the cgroups
	theEngine  victim = "crun"
	everybody  victim = "everybody" // but the containers
)

// settle is how long the kernel may take to bury what was killed.
const settle = 10 * time.Second

// play runs the trials, one after the other, in a scene of their own.
func play(t *testing.T, trials []trial) []outcome {
	t.Helper()
	need.That(t, os.Geteuid() == 0, "not root: a scene has mounts and cgroups of its own")
	need.Program(t, "crun", "crun")
	t.Setenv(envCommand, "")
	runtime.LockOSThread() // as jail.Run asks
	defer runtime.UnlockOSThread()
	var outcomes []outcome
	err := jail.Run(t.Context(), jail.Options{}, []string{sceneFirst}, trials, func(line []byte) error {
		var o outcome
		err := json.Unmarshal(line, &o)
		outcomes = append(outcomes, o)
		return err
	})
	need.NoError(t, err)
	if len(outcomes) != len(trials) {
		t.Fatalf("%d of %d trials were played", len(outcomes), len(trials))
	}
	return outcomes
}

// scene plays trials, in the namespaces.
func scene() error {
	var trials []trial
	report, err := jail.Enter(&trials)
	if err != nil {
		return err
	}
	// Where programs leave files, there is nothing at first; an image in there stays to be seen at its place.
	for _, dir := range []string{"/run", "/mnt", "/var/tmp", "/dev/shm"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	// A bystander that the command must leave alone.
	bystander := exec.Command("sleep", "infinity")
	if err := bystander.Start(); err != nil {
		return err
	}
	before, err := see()
	if err != nil {
		return err
	}
	for _, trial := range trials {
		o, err := trial.play(before)
		// A moment after the end strikes nobody; an earlier one is tried, as long as nothing was wrong.
		for err == nil && trial.Victim != "" && !o.Hit && len(o.Left)+len(o.Removed) == 0 && trial.Delay > 0 {
			trial.Delay = trial.Delay / 2 / time.Millisecond * time.Millisecond
			o, err = trial.play(before)
		}
		if err != nil {
			return err
		}
		if err := report(o); err != nil {
			return err
		}
	}
	return nil
}

func (t trial) play(before map[string]bool) (outcome, error) {
	out, err := os.CreateTemp("/dev", "output") // not where see looks
	if err != nil {
		return outcome{}, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	command := exec.Command("/proc/self/exe", t.Args...)
	command.Env = append(os.Environ(), envCommand+"=1")
	command.Stdout, command.Stderr = out, out
	if t.User != 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: t.User, Gid: t.User}}
	}
	begin := time.Now()
	if err := command.Start(); err != nil {
		return outcome{}, err
	}
	done := make(chan struct{})
	go func() {
		command.Wait()
		close(done)
	}()
	var o outcome
	switch {
	case t.Cgroup:
		if err := awaitCgroup(done); err != nil {
			return outcome{}, err
		}
		o.Hit = t.strike(command.Process.Pid, done)
	case t.Victim != "":
		select {
		case <-done:
		case <-time.After(t.Delay):
			o.Hit = t.strike(command.Process.Pid, done)
		}
	}
	<-done
	o.Took, o.Status = time.Since(begin), command.ProcessState.ExitCode()
	text, err := os.ReadFile(out.Name())
	if err != nil {
		return outcome{}, err
	}
	o.Output = string(text)
	// What was killed leaves when the kernel gets to it; what is still there then, stays.
	for deadline := time.Now().Add(settle); ; time.Sleep(5 * time.Millisecond) {
		now, err := see()
		if err != nil {
			return outcome{}, err
		}
		o.Left, o.Removed = difference(now, before), difference(before, now)
		if len(o.Left)+len(o.Removed) == 0 || time.Now().After(deadline) {
			return o, nil
		}
		// With everybody dead, cgroups are there until the next run: nothing to wait for.
		if t.Victim == everybody && !slices.ContainsFunc(o.Left, func(s string) bool { return !isCgroup(s) }) {
			return o, nil
		}
	}
}

// awaitCgroup waits until a container of this scene's fleet has a cgroup, or the command has ended.
func awaitCgroup(done chan struct{}) error {
	for {
		groups, err := fleetCgroups("pause-*")
		if err != nil || len(groups) > 0 {
			return err
		}
		select {
		case <-done:
			return nil
		case <-time.After(100 * time.Microsecond):
		}
	}
}

// fleetCgroups returns the cgroups of this scene's fleets or, below them, those that pattern matches. Fleets of this scene have
// its PID namespace in their name; others may come and go.
func fleetCgroups(pattern string) ([]string, error) {
	var namespace unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &namespace); err != nil {
		return nil, err
	}
	roots, err := jail.CgroupRoots()
	if err != nil {
		return nil, err
	}
	var all []string
	for _, h := range roots {
		groups, err := filepath.Glob(filepath.Join(h, fmt.Sprintf("%s-%d-*", prefix, namespace.Ino), pattern))
		if err != nil {
			return nil, err
		}
		all = append(all, groups...)
	}
	return all, nil
}

// strike sends the signal to the victim, once it is there, and reports whether it was before the command ended.
func (t trial) strike(command int, done chan struct{}) bool {
	for {
		select {
		case <-done:
			return false
		case <-time.After(100 * time.Microsecond):
		}
		processes, _ := proc.PID(command).Descendants() // or the next look
		var victims []int
		for _, process := range processes {
			cmdline, _ := os.ReadFile(process.Path("cmdline"))
			args := strings.Split(string(cmdline), "\x00")
			who := victim(args[0])
			if int(process) == command {
				who = theCommand
			} else if len(args) > 1 && who != theEngine {
				who = victim(args[1])
			}
			all := t.Victim == everybody && slices.Contains([]victim{theCommand, theFirst, theDriver, theKeeper}, who)
			if all && who == theKeeper {
				// Before the command: once that is gone, it removes what there is.
				victims = slices.Insert(victims, 0, int(process))
			} else if all || who == t.Victim {
				victims = append(victims, int(process))
			}
		}
		hit := false
		for _, pid := range victims {
			hit = syscall.Kill(pid, t.Signal) == nil || hit
		}
		if hit {
			return true
		}
	}
}

// see returns a line for every process, mount, cgroup of a fleet, and file of the scene.
func see() (map[string]bool, error) {
	seen := map[string]bool{}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, dir := range processes {
		if comm, err := os.ReadFile(filepath.Join(dir, "comm")); err == nil {
			seen["process "+filepath.Base(dir)+" "+strings.TrimSpace(string(comm))] = true
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(mounts)) {
		seen["mount "+strings.TrimSpace(line)] = true
	}
	groups, err := fleetCgroups("")
	if err != nil {
		return nil, err
	}
	for _, group := range groups {
		seen["cgroup "+group] = true
	}
	for _, dir := range []string{"/run", "/mnt", "/var/tmp", "/dev/shm", "/var/lib/cni"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if path != dir && err == nil {
				seen["file "+path] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// isCgroup reports whether a line of see is of a cgroup.
func isCgroup(line string) bool { return strings.HasPrefix(line, "cgroup ") }

func difference(a, b map[string]bool) []string {
	var more []string
	for line := range a {
		if !b[line] {
			more = append(more, line)
		}
	}
	slices.Sort(more)
	return more
}

// layout returns the flag that names the image.
func layout(t *testing.T) string {
	t.Helper()
	need.That(t, os.Getenv(envLayout) != "", envLayout+" is not set: it names the OCI layout of the image, which //images:pause builds")
	path, err := targets.Locate(envLayout)
	need.NoError(t, err)
	return "--layout=" + path
}

func checkNothingLeft(t *testing.T, what string, o outcome) {
	t.Helper()
	if len(o.Left)+len(o.Removed) > 0 {
		t.Errorf("%s left:\n  %s\ntook away:\n  %s\nand said: %s", what, strings.Join(o.Left, "\n  "), strings.Join(o.Removed, "\n  "), o.Output)
	}
}

// A fleet with everything that can be left behind leaves nothing, whichever of its processes is interrupted or killed, at
// whatever moment; and the command says in one line what happened.
func TestNothingIsLeftWhenKilled(t *testing.T) {
	args := []string{layout(t), "--count=8", "--netns", "--cgroup"}
	// The moments are spread over as long as an undisturbed run takes.
	took := play(t, []trial{{Args: args}})[0].Took
	var trials []trial
	for _, kind := range []struct {
		victim victim
		signal syscall.Signal
	}{
		{theCommand, syscall.SIGINT},
		{theCommand, syscall.SIGTERM},
		{theCommand, syscall.SIGKILL},
		{theFirst, syscall.SIGKILL},
		{theDriver, syscall.SIGKILL},
		{theKeeper, syscall.SIGKILL},
		{theEngine, syscall.SIGKILL},
	} {
		for range 3 {
			// A signal that comes before a Go program can wait for it just kills the program, which has nothing to leave yet.
			trials = append(trials, trial{Args: args, Victim: kind.victim, Signal: kind.signal, Delay: took/10 + rand.N(took-took/10)})
		}
	}
	hits, total := map[victim]int{}, 0
	for i, o := range play(t, trials) {
		tr := trials[i]
		what := fmt.Sprintf("%s, sent %s after %s,", tr.Victim, unix.SignalName(tr.Signal), tr.Delay)
		checkNothingLeft(t, what, o)
		if !o.Hit {
			continue
		}
		hits[tr.Victim]++
		total++
		if tr.Victim != theKeeper && o.Status == 0 && tr.Victim != theEngine {
			t.Errorf("%s: the command passes for successful; it said: %s", what, o.Output)
		}
		said := strings.TrimSpace(o.Output)
		if tr.Signal != syscall.SIGKILL && (strings.Contains(said, "\n") || !strings.Contains(said, "interrupted")) {
			t.Errorf("%s: want one line that it was interrupted, got %q", what, said)
		}
	}
	t.Logf("struck: %v", hits)
	if total < 20 {
		t.Errorf("%d of %d trials struck somebody; at least 20 random moments are to be seen", total, len(trials))
	}
	for _, v := range []victim{theCommand, theFirst, theDriver, theKeeper, theEngine} {
		if hits[v] == 0 {
			t.Errorf("%s was never there to be killed", v)
		}
	}
}

// When everybody who could clean up is killed at once, containers and mounts go all the same, and the next run removes the
// cgroups.
func TestNextRunRemovesWhatTheDeadLeft(t *testing.T) {
	args := []string{layout(t), "--count=8", "--cgroup"}
	outcomes := play(t, []trial{
		{Args: args, Victim: everybody, Signal: syscall.SIGKILL, Cgroup: true},
		{Args: []string{args[0], "--count=2", "--cgroup"}},
	})
	left := outcomes[0].Left
	if !slices.ContainsFunc(left, isCgroup) {
		t.Errorf("no cgroup is left for the next run; left: %q; it said: %s", left, outcomes[0].Output)
	}
	for _, line := range left {
		if !isCgroup(line) {
			t.Errorf("left, of all: %s", line)
		}
	}
	checkNothingLeft(t, "the next run", outcomes[1])
	if outcomes[1].Status != 0 {
		t.Errorf("the next run failed: %s", outcomes[1].Output)
	}
}

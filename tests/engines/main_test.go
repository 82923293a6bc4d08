package engines

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pause/tests/lib/need"
)

// Engines leave things behind: shims, mounts, network namespaces, cgroups. So the tests run inside namespaces of their
// own (mount, PID, network, IPC, UTS, cgroup) that die with them, whatever the engines do, and below one cgroup that is
// removed afterwards. The test binary starts itself twice for that:
//
//	supervisor  the process that was called: makes the cgroup, starts init, removes the cgroup
//	init        PID 1 of the new namespaces: mounts, reaps what engines orphan, ends when the tests end
//	tests       runs the tests
const (
	envStage   = "PAUSE_ENGINES_STAGE"
	envRefused = "PAUSE_ENGINES_REFUSED"

	stageInit  = "init"
	stageTests = "tests"
)

// workDir is where everything is put that a test or an engine writes: short, because the path of a socket may have 107
// characters at most, and on a tmpfs that only the tests see.
const workDir = "/run/pause"

const (
	cgroupMount  = "/sys/fs/cgroup"
	cgroupPrefix = "pause-engines-" // and the PID of the supervisor
)

func TestMain(m *testing.M) {
	var code int
	switch stage := os.Getenv(envStage); {
	case stage == stageTests:
		code = m.Run()
	case stage == stageInit:
		code = initProcess()
	case os.Geteuid() != 0:
		code = m.Run() // every test skips, with the reason
	default:
		var err error
		if code, err = supervise(); err != nil {
			os.Setenv(envRefused, err.Error())
			code = m.Run()
		}
	}
	os.Exit(code)
}

// isolated skips the test where engines cannot be run without leaving traces.
func isolated(t *testing.T) {
	t.Helper()
	need.That(t, os.Geteuid() == 0, "container engines need root here; run the tests as root")
	refused := os.Getenv(envRefused)
	need.That(t, refused == "", "no namespaces of their own for the engines: "+refused)
}

// supervise runs the tests in namespaces of their own and returns their exit code. An error says that the machine does
// not allow that, and that nothing was run.
func supervise() (int, error) {
	// The mount namespace belongs to this thread, and init must be started by it. The thread ends with the process.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return 0, fmt.Errorf("unshare the mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return 0, fmt.Errorf("make mounts private: %w", err)
	}
	if err := mountCgroup(); err != nil {
		return 0, err
	}
	removeStale()
	cgroup := filepath.Join(cgroupMount, cgroupPrefix+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(cgroup, 0o755); err != nil {
		return 0, err
	}
	defer removeCgroup(cgroup)
	dir, err := os.Open(cgroup)
	if err != nil {
		return 0, err
	}
	defer dir.Close()

	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	cmd := self(stageInit)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Unshareflags: unix.CLONE_NEWCGROUP,
		UseCgroupFD:  true,
		CgroupFD:     int(dir.Fd()),
		Pdeathsig:    syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start in new namespaces: %w", err)
	}
	go func() {
		<-interrupted
		cmd.Process.Kill() // and with init all that is in its PID namespace
	}()
	return exitCode(cmd.Wait()), nil
}

// initProcess is PID 1 of the namespaces: it mounts what is private to them, runs the tests, reaps, and returns their
// exit code.
func initProcess() int {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "tests/engines: cannot prepare the namespaces:", err)
		return 1
	}
	cmd := self(stageTests)
	cmd.Env = append(cmd.Env, "TMPDIR="+workDir, "HOME="+workDir, "XDG_RUNTIME_DIR="+workDir)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "tests/engines:", err)
		return 1
	}
	for {
		var status syscall.WaitStatus
		switch pid, err := syscall.Wait4(-1, &status, 0, nil); {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			fmt.Fprintln(os.Stderr, "tests/engines: wait:", err)
			return 1
		case pid == cmd.Process.Pid && status.Signaled():
			return 128 + int(status.Signal())
		case pid == cmd.Process.Pid:
			return status.ExitStatus()
		}
	}
}

// prepare mounts a /proc for the PID namespace, the cgroups below ours, and a tmpfs where engines keep their state. It
// moves this process to a leaf, because a cgroup that has processes cannot hand controllers to those below it.
func prepare() error {
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := mountCgroup(); err != nil {
		return err
	}
	leaf := filepath.Join(cgroupMount, "tests")
	if err := os.Mkdir(leaf, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0); err != nil {
		return err
	}
	// podman keeps its locks in /dev/shm, whatever it is told.
	for _, dir := range []string{"/run", "/dev/shm"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount a tmpfs on %s: %w", dir, err)
		}
	}
	if err := os.Mkdir(workDir, 0o755); err != nil {
		return err
	}
	// Some paths cannot be configured: podman's cache, the addresses that CNI plugins give out, /opt/containerd.
	for _, dir := range []string{"/etc", "/opt", "/var/lib", "/var/tmp"} {
		if err := scratch(dir); err != nil {
			return err
		}
	}
	return nil
}

// scratch makes what is written below dir, if there is a dir, go to memory.
func scratch(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	upper, err := os.MkdirTemp("/run", "upper-")
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("/run", "work-")
	if err != nil {
		return err
	}
	if err := os.Chmod(upper, 0o755); err != nil {
		return err
	}
	options := "lowerdir=" + dir + ",upperdir=" + upper + ",workdir=" + work
	if err := unix.Mount("overlay", dir, "overlay", 0, options); err != nil {
		return fmt.Errorf("mount an overlay on %s: %w", dir, err)
	}
	return nil
}

// mountCgroup replaces what is at /sys/fs/cgroup in this mount namespace by the cgroup 2 hierarchy, which every engine
// understands. On a machine with cgroup 1 or both, where the engines' support differs, it has fewer controllers, and the
// image needs none.
func mountCgroup() error {
	if err := unix.Unmount(cgroupMount, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount %s: %w", cgroupMount, err)
	}
	if err := unix.Mount("cgroup2", cgroupMount, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount cgroup 2 on %s: %w", cgroupMount, err)
	}
	return nil
}

// removeCgroup removes a cgroup and those below it, once the processes in them, which have been killed, are gone.
func removeCgroup(root string) {
	if events, err := os.Open(filepath.Join(root, "cgroup.events")); err == nil {
		defer events.Close()
		awaitEmpty(events)
	}
	var dirs []string
	filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for _, dir := range slices.Backward(dirs) {
		if err := os.Remove(dir); err != nil {
			fmt.Fprintln(os.Stderr, "tests/engines: left behind:", err)
		}
	}
}

// awaitEmpty waits until no process is in the cgroup, or below it, whose cgroup.events is open, or until that takes too long.
func awaitEmpty(events *os.File) {
	content := make([]byte, 256)
	for deadline := time.Now().Add(patience); ; {
		// The kernel reports, as an exceptional condition, a change since the file was last read through this descriptor.
		n, _ := events.ReadAt(content, 0)
		left := time.Until(deadline)
		if !holds(content[:n]) || left <= 0 {
			return
		}
		unix.Poll([]unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}, int(left.Milliseconds())+1)
	}
}

// removeStale removes the cgroups of runs that were killed too hard to do it themselves.
func removeStale() {
	cgroups, _ := filepath.Glob(filepath.Join(cgroupMount, cgroupPrefix+"*"))
	for _, cgroup := range cgroups {
		pid := strings.TrimPrefix(filepath.Base(cgroup), cgroupPrefix)
		if _, err := os.Stat("/proc/" + pid); err != nil && !populated(cgroup) {
			removeCgroup(cgroup)
		}
	}
}

// self is the command that runs this test binary again, with the same arguments, as stage.
func self(stage string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), envStage+"="+stage)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// exitCode is the exit code for what Wait returned, as a shell would have it.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		fmt.Fprintln(os.Stderr, "tests/engines:", err)
		return 1
	}
	if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// populated reports whether a process, living or not yet reaped, is in the cgroup or below it.
func populated(cgroup string) bool {
	events, err := os.ReadFile(filepath.Join(cgroup, "cgroup.events"))
	return err == nil && holds(events)
}

// holds reports whether the content of cgroup.events is that of a cgroup with a process.
func holds(events []byte) bool { return strings.Contains(string(events), "populated 1\n") }

package jail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pause/tests/lib/need"
)

const (
	stageInit   = "jail-init"
	stageTests  = "jail-tests"
	stageKeeper = "jail-keeper"
)

// refused is why the tests do not run in namespaces of their own.
var refused error

// WorkDir is where everything is put that a test or an engine writes: short, because the path of a socket may have 107
// characters at most, and on a tmpfs that only the tests see.
const WorkDir = "/run/pause"

// Address is one that the tests' network namespace has and that is not of loopback: one of those that are for documentation.
const Address = "192.0.2.1"

// Main is what TestMain has to do to run the tests of a package where container engines can leave nothing behind, as they do:
// shims, mounts, network namespaces, cgroups. That is inside namespaces of their own (mount, PID, network, IPC, UTS, cgroup),
// and below one cgroup that is removed afterwards; prefix starts its name. The test binary starts itself again for that, as PID 1
// of the namespaces, as the tests in there, and as the keeper of the cgroup; its first argument says so.
func Main(m *testing.M, prefix string) {
	stage := ""
	if len(os.Args) > 1 {
		stage = os.Args[1]
	}
	var code int
	var err error
	switch stage {
	case stageKeeper:
		err = KeepCgroup(os.Args[2:])
	case stageInit:
		if err = prepare(); err == nil {
			err = Init(append([]string{stageTests}, os.Args[2:]...))
		}
	case stageTests:
		os.Args = slices.Delete(os.Args, 1, 2)
		var report func(any) error
		if report, err = Enter(new(any)); err == nil {
			err = report(m.Run())
		}
	default:
		code, err = supervise(m, prefix)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests in namespaces of their own:", err)
		code = 1
	}
	os.Exit(code)
}

// Need skips the test, as package need does, where engines cannot be run without leaving traces.
func Need(t testing.TB) {
	t.Helper()
	need.That(t, refused == nil, fmt.Sprintf("no namespaces of their own for the engines: %v", refused))
}

// supervise runs the tests in namespaces of their own and returns their exit code; where the machine does not allow that, it
// runs them here, where all of them are skipped.
func supervise(m *testing.M, prefix string) (code int, err error) {
	// The mount namespace belongs to this thread, and what is started must be started by it. The thread ends with the process.
	runtime.LockOSThread()
	tree, err := enclose(prefix)
	if err != nil {
		refused = err
		return m.Run(), nil
	}
	defer func() { err = errors.Join(err, tree.Remove()) }()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	code = 1
	o := Options{Namespaces: unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS, Cgroup: filepath.Join(cgroupMount, tree.Name)}
	err = Run(ctx, o, append([]string{stageInit}, os.Args[1:]...), nil, func(line []byte) error { return json.Unmarshal(line, &code) })
	return code, err
}

// enclose makes a mount namespace and, in it, the cgroup of the tests.
func enclose(prefix string) (*Cgroup, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("container engines need root here; run the tests as root")
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return nil, fmt.Errorf("unshare the mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("make mounts private: %w", err)
	}
	if err := mountCgroup(); err != nil {
		return nil, err
	}
	return MakeCgroup(prefix, []string{cgroupMount}, stageKeeper)
}

// prepare mounts the cgroups below ours, and a tmpfs where engines keep their state, and says so in the environment. It moves this process to a leaf, because a cgroup that has processes cannot hand controllers to those below it.
func prepare() error {
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
	if err := os.Mkdir(WorkDir, 0o755); err != nil {
		return err
	}
	// Some paths cannot be configured: podman's cache, the addresses that CNI plugins give out, /opt/containerd.
	for _, dir := range []string{"/etc", "/opt", "/var/lib", "/var/tmp"} {
		if err := Scratch(dir); err != nil {
			return err
		}
	}
	if err := loopback(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return errors.Join(os.Setenv("TMPDIR", WorkDir), os.Setenv("HOME", WorkDir), os.Setenv("XDG_RUNTIME_DIR", WorkDir))
}

// loopback takes the loopback interface of the network namespace up, and gives it Address.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	up, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	up.SetUint16(unix.IFF_UP)
	address, err := unix.NewIfreq("lo:1")
	if err != nil {
		return err
	}
	if err := address.SetInet4Addr(net.ParseIP(Address).To4()); err != nil {
		return err
	}
	return errors.Join(unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, up), unix.IoctlIfreq(fd, unix.SIOCSIFADDR, address))
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

// Package jail runs a command of this program in new PID and mount namespaces, so that cleaning up is the kernel's work: when
// PID 1 in there ends, however it ends, the kernel kills everything in the namespace and drops every mount, and with them the
// tmpfs that holds all files. Only cgroups outlive it; package cgroup has a keeper for those.
package jail

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The descriptors that Run hands to the process inside.
const (
	fdOrders  = 3 // one JSON document, then open for as long as the process outside lives
	fdReports = 4 // one JSON document a line
)

// Run starts this program again as PID 1 of new namespaces, with the arguments args, which must make it call Init. It gives
// the process that calls Enter there orders as JSON, and calls report for each line that it sends. It returns when that
// process, and with it everything it started, is gone. When ctx ends, it is killed. Without root, it gets a user namespace as
// well, in which the caller is root.
//
// The calling goroutine must be locked to its thread: the kernel kills the process inside when that thread ends.
func Run(ctx context.Context, args []string, orders any, report func(line []byte) error) error {
	ordersRead, ordersWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ordersWrite.Close()
	reportsRead, reportsWrite, err := os.Pipe()
	if err != nil {
		return errors.Join(err, ordersRead.Close())
	}
	defer reportsRead.Close()

	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	// A file or a terminal is handed on as it is; were it copied through a pipe, Wait would wait for the copy.
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{ordersRead, reportsWrite}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
		// Ctrl-C at the terminal is for the process outside, which then kills the one inside.
		Setsid: true,
	}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	err = cmd.Start()
	ordersRead.Close()
	reportsWrite.Close()
	if err != nil {
		if os.Geteuid() == 0 {
			return fmt.Errorf("no new PID and mount namespaces: %w: CAP_SYS_ADMIN is missing; in a container, run it privileged", err)
		}
		return fmt.Errorf("no new user namespace: %w: run it as root, or let users have such namespaces "+
			"(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)", err)
	}
	err = json.NewEncoder(ordersWrite).Encode(orders)
	if err == nil {
		lines := bufio.NewReader(reportsRead)
		for {
			line, readErr := lines.ReadBytes('\n')
			if readErr != nil {
				break // the end of the process is told by Wait
			}
			if err = report(line); err != nil {
				break
			}
		}
	}
	if err != nil {
		cmd.Process.Kill()
	}
	waitErr := cmd.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(err, describe(waitErr))
}

func describe(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
		return fmt.Errorf("the process that starts the containers was killed (%w); everything it had started is gone with it", err)
	}
	return err
}

// Init is PID 1: it makes the namespaces usable, so that mounts no longer propagate and /proc shows the new PID namespace,
// starts this program once more, with the arguments args, and ends when that one does. It does nothing else, and never waits
// for what it inherits: the kernel buries the children of a process that ignores SIGCHLD by itself, where each wait among
// 10,000 living children would look at all of them.
func Init(args []string) error {
	if os.Getpid() != 1 {
		return errors.New("not PID 1 of a namespace: this is started by the command itself, never by hand")
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc of the new PID namespace: %w", err)
	}
	signal.Ignore(syscall.SIGCHLD)
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{os.NewFile(fdOrders, "orders"), os.NewFile(fdReports, "reports")}
	if err := cmd.Start(); err != nil {
		return err
	}
	// Its status is lost with the others'; Run knows it by what was, or was not, reported.
	cmd.Wait()
	return nil
}

// Inside is the side of Run that is in the namespaces.
type Inside struct {
	orders  *bufio.Reader
	reports *json.Encoder
}

// Enter returns the connection to Run, in the process that Init starts.
func Enter() *Inside {
	for _, fd := range []int{fdOrders, fdReports} {
		unix.CloseOnExec(fd)
	}
	return &Inside{
		orders:  bufio.NewReader(os.NewFile(fdOrders, "orders")),
		reports: json.NewEncoder(os.NewFile(fdReports, "reports")),
	}
}

// Orders reads what Run was given. From then on, this process ends when the one outside does.
func (i *Inside) Orders(orders any) error {
	line, err := i.orders.ReadBytes('\n')
	if err != nil {
		return err
	}
	// The kernel's parent death signal says the same; this is for a parent that died before it was set.
	go func() {
		io.Copy(io.Discard, i.orders)
		os.Exit(1)
	}()
	return json.Unmarshal(line, orders)
}

// Report sends a line to Run.
func (i *Inside) Report(v any) error { return i.reports.Encode(v) }

// Memory is a file system in memory that is gone when the mount namespace is.
type Memory struct{ fd int }

// NewMemory makes a file system of at most kb kB that is nowhere mounted yet.
func NewMemory(kb int64) (*Memory, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("tmpfs: %w (Linux 5.2 or newer is needed)", err)
	}
	defer unix.Close(fs)
	options := map[string]string{"size": strconv.FormatInt(kb, 10) + "k", "nr_inodes": "0", "mode": "0755"}
	for name, value := range options {
		if err := unix.FsconfigSetString(fs, name, value); err != nil {
			return nil, fmt.Errorf("tmpfs: %s=%s: %w", name, value, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, fmt.Errorf("tmpfs: %w", err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return nil, fmt.Errorf("tmpfs: %w", err)
	}
	return &Memory{fd}, nil
}

// Path is a path to it for this process, before it is mounted.
func (m *Memory) Path() string { return fmt.Sprintf("/proc/self/fd/%d", m.fd) }

// Mount puts it over a folder that every Linux has, in this mount namespace only, and returns that folder.
func (m *Memory) Mount() (string, error) {
	var errs []error
	for _, dir := range []string{"/mnt", "/run", "/tmp"} {
		err := unix.MoveMount(m.fd, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH)
		if err == nil {
			return dir, unix.Close(m.fd)
		}
		errs = append(errs, fmt.Errorf("%s: %w", dir, err))
	}
	return "", fmt.Errorf("nowhere to mount a tmpfs: %w", errors.Join(errs...))
}

// Seal copies the program at path into memory that nobody can change any more, and returns a path to it, valid in this
// PID namespace for as long as this process lives.
//
// Engines copy themselves so before every start, against containers that would overwrite them (CVE-2019-5736), unless they
// find that somebody has done it for them. Programs that find their libraries relative to themselves are left where they are.
func Seal(path string) (string, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(string(program), "\x7fELF") || strings.Contains(string(program), "$ORIGIN") {
		return path, nil
	}
	fd, err := unix.MemfdCreate("engine", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return "", err
	}
	f := os.NewFile(uintptr(fd), "engine")
	if _, err := f.Write(program); err != nil {
		return "", errors.Join(err, f.Close())
	}
	seals := unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return "", errors.Join(err, f.Close())
	}
	sealed = append(sealed, f)
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), nil
}

// sealed keeps the files of Seal from being collected, and so closed.
var sealed []*os.File

// LockThread must be called from an init function of the process that calls Run: it keeps the main goroutine on the main
// thread, which lives as long as the process.
func LockThread() { runtime.LockOSThread() }

// Package jail runs a command of this program, or its tests, in new PID and mount namespaces, so that cleaning up is the kernel's work: when
// PID 1 in there ends, however it ends, the kernel kills everything in the namespace and drops every mount. Only cgroups
// outlive it: see MakeCgroup.
package jail

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// The descriptors that Run hands to the process inside.
const (
	fdOrders  = 3 // one JSON document, then open for as long as the process outside lives
	fdReports = 4 // one JSON document a line
)

// Options say what is new but the PID and the mount namespace. The zero value is nothing.
type Options struct {
	// Namespaces are CLONE_ flags of further namespaces.
	Namespaces uintptr
	// Cgroup is the folder of a cgroup of version 2 to start in, which is the root of a new cgroup namespace; "" is the
	// caller's.
	Cgroup string
}

// Run starts this program again as PID 1 of new namespaces, with the arguments args, which must make it call Init. It gives
// the process that calls Enter there orders as JSON, and calls report for each line that it sends. It returns when that
// process, and with it everything it started, is gone. When ctx ends, it is killed. Without root, it gets a user namespace as
// well, in which the caller is root.
//
// The calling goroutine must be locked to its thread: the kernel kills the process inside when that thread ends.
func Run(ctx context.Context, o Options, args []string, orders any, report func(line []byte) error) error {
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
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{ordersRead, reportsWrite}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | o.Namespaces,
		Pdeathsig:  syscall.SIGKILL,
		// Ctrl-C at the terminal is for the process outside, which then kills the one inside.
		Setsid: true,
	}
	if o.Cgroup != "" {
		dir, err := os.Open(o.Cgroup)
		if err != nil {
			return errors.Join(err, ordersRead.Close(), reportsWrite.Close())
		}
		defer dir.Close()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
		cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWCGROUP
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
			return fmt.Errorf("no new namespaces: %w: CAP_SYS_ADMIN is missing; in a container, run it privileged", err)
		}
		return fmt.Errorf("no new user namespace: %w: run it as root, or let users have such namespaces "+
			"(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)", err)
	}
	err = json.NewEncoder(ordersWrite).Encode(orders)
	for lines := bufio.NewReader(reportsRead); err == nil; {
		line, readErr := lines.ReadBytes('\n')
		if readErr != nil {
			break // the end of the process is told by Wait
		}
		err = report(line)
	}
	if err != nil {
		cmd.Process.Kill()
	}
	waitErr := cmd.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
		waitErr = fmt.Errorf("the process in new namespaces was killed (%w); everything it had started is gone with it", waitErr)
	}
	return errors.Join(err, waitErr)
}

// Init is PID 1: it makes the namespaces usable, so that mounts no longer propagate and /proc shows the new PID namespace,
// starts this program once more, with the arguments args, and ends when that one does. It does nothing else, and never waits for
// what it inherits: the kernel buries the children of a process that ignores SIGCHLD by itself, where each wait among 10,000
// living children would look at all of them.
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
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{os.NewFile(fdOrders, "orders"), os.NewFile(fdReports, "reports")}
	if err := cmd.Start(); err != nil {
		return err
	}
	// Its status is lost with the others'; Run knows it by what was, or was not, reported.
	cmd.Wait()
	return nil
}

// Scratch makes what is written below dir go to memory, in the mount namespace of Init, unless dir would be a new folder of the
// root. /run must be a file system in memory.
func Scratch(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		// Whoever makes it makes it in the folder above.
		if above := filepath.Dir(dir); above != "/" {
			return Scratch(above)
		}
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

// Enter reads what Run was given, in the process that Init starts, and returns what sends it a line. From then on,
// this process ends when the one outside does.
func Enter(orders any) (report func(v any) error, err error) {
	unix.CloseOnExec(fdOrders)
	unix.CloseOnExec(fdReports)
	reader := bufio.NewReader(os.NewFile(fdOrders, "orders"))
	line, err := reader.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	// The kernel's parent death signal says the same; this is for a parent that died before it was set.
	go func() {
		io.Copy(io.Discard, reader)
		os.Exit(1)
	}()
	return json.NewEncoder(os.NewFile(fdReports, "reports")).Encode, json.Unmarshal(line, orders)
}

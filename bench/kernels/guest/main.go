//go:build linux

// Command guest is the init of a virtual machine: it runs /pause as PID 1 of a namespace, as an engine would, and prints what
// it saw on the console. Its last line begins with "result:", and then it turns the machine off.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	program = "/pause"
	// limit is how long a condition may take to come true. The machine is emulated, and may be fifty times slower than this
	// one.
	limit = time.Minute
)

func main() {
	if len(os.Args) > 1 {
		// A process in the namespace: "parent" leaves "child" behind, which waits until its standard input ends.
		if os.Args[1] == "child" {
			_, _ = os.Stdin.Read(make([]byte, 1))
			return
		}
		child := exec.Command("/proc/self/exe", "child")
		child.Stdin = os.Stdin
		if err := child.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	var name unix.Utsname
	_ = unix.Uname(&name)
	fmt.Printf("kernel: %s\npage: %d\n", unix.ByteSliceToString(name.Release[:]), os.Getpagesize())
	if err := check(); err != nil {
		fmt.Println("result:", err)
	} else {
		fmt.Println("result: ok")
	}
	unix.Sync()
	// The emulator is told not to start again, so this ends it on machines that have no switch to turn off, too.
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

// check returns the first thing that is not as promised.
func check() error {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	version, err := exec.Command(program, "-v").Output()
	if err != nil {
		return fmt.Errorf("-v: %w", err)
	}
	fmt.Printf("version: %s\n", bytes.TrimSpace(version))

	pause := exec.Command(program)
	pause.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := pause.Start(); err != nil {
		return fmt.Errorf("start as PID 1: %w", err)
	}
	// It sleeps in one place only, and has blocked the signals by then.
	if err := wait("asleep", func() bool { return field(pause.Process.Pid, "State:") == "S (sleeping)" }); err != nil {
		return err
	}
	fmt.Println("sleeps: yes")
	if err := reaps(pause.Process.Pid); err != nil {
		return err
	}
	fmt.Println("reaps: yes")
	if err := pause.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- pause.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("after SIGTERM: %w", err)
		}
	case <-time.After(limit):
		return errors.New("after SIGTERM: it has not ended")
	}
	fmt.Println("SIGTERM: 0")
	return nil
}

// reaps makes an orphan in the namespace of pid, lets it end, and waits until it is gone.
func reaps(pid int) error {
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return err
	}
	defer namespace.Close()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWPID); err != nil {
		return fmt.Errorf("enter the namespace: %w", err)
	}
	stdin, hold, err := os.Pipe()
	if err != nil {
		return err
	}
	parent := exec.Command("/proc/self/exe", "parent")
	parent.Stdin = stdin
	if err := parent.Run(); err != nil {
		return fmt.Errorf("make an orphan: %w", err)
	}
	_ = stdin.Close()
	var orphan string
	if err := wait("the parent of the orphan", func() bool {
		orphan = childOf(pid)
		return orphan != ""
	}); err != nil {
		return err
	}
	_ = hold.Close()
	return wait("done with the orphan", func() bool {
		_, err := os.Stat(orphan)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// childOf returns the folder in /proc of a child of pid, or "".
func childOf(pid int) string {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		if child, err := strconv.Atoi(filepath.Base(folder)); err == nil && field(child, "PPid:") == strconv.Itoa(pid) {
			return folder
		}
	}
	return ""
}

// field returns a line of /proc/PID/status, or "".
func field(pid int, name string) string {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// wait returns nil as soon as condition holds.
func wait(what string, condition func() bool) error {
	for end := time.Now().Add(limit); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("it is not %s after %v", what, limit)
		}
	}
	return nil
}

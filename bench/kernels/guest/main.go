//go:build linux

// Command guest is the init of a virtual machine: it runs /pause as PID 1 of a namespace, as an engine would, and prints what
// it saw on the console. Its last line begins with "result:", and then it turns the machine off.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	program = "/pause"
	// limit is how long a condition may take to come true. The machine is emulated, and may be fifty times slower than this
	// one.
	limit = time.Minute
)

func main() {
	if len(os.Args) > 1 {
		if err := inNamespace(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := check(); err != nil {
		fmt.Println("result:", err)
	} else {
		fmt.Println("result: ok")
	}
	syscall.Sync()
	// The emulator is told not to start again, so this ends it on machines that have no switch to turn off, too.
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
}

// inNamespace is what runs in the namespace: "init", as PID 1, has "parent" leave "child" behind, and becomes the program.
// child waits until standard input ends.
func inNamespace(role string) error {
	next := map[string]string{"init": "parent", "parent": "child"}[role]
	if next == "" {
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	}
	cmd := exec.Command("/proc/self/exe", next)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", next, err)
	}
	if role == "parent" {
		return nil
	}
	if err := cmd.Wait(); err != nil {
		return err
	}
	return syscall.Exec(program, []string{program}, nil)
}

// check returns the first thing that is not as promised.
func check() error {
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return err
	}
	// The firmware may have left the cursor anywhere.
	fmt.Printf("\nkernel: %s\npage: %d\n", bytes.TrimSpace(release), os.Getpagesize())
	version, err := exec.Command(program, "-v").Output()
	if err != nil {
		return fmt.Errorf("-v: %w", err)
	}
	fmt.Printf("version: %s\n", bytes.TrimSpace(version))

	stdin, hold, err := os.Pipe()
	if err != nil {
		return err
	}
	pause := exec.Command("/proc/self/exe", "init")
	pause.Stdin, pause.Stderr = stdin, os.Stderr
	pause.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := pause.Start(); err != nil {
		return fmt.Errorf("start as PID 1: %w", err)
	}
	_ = stdin.Close()
	// It sleeps in one place only, and has blocked the signals by then.
	if err := wait("asleep", func() bool {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pause.Process.Pid))
		return exe == program && field(pause.Process.Pid, "State:") == "S (sleeping)"
	}); err != nil {
		return err
	}
	fmt.Println("sleeps: yes")
	orphan := childOf(pause.Process.Pid)
	if orphan == "" {
		return errors.New("there is no orphan")
	}
	_ = hold.Close()
	if err := wait("done with the orphan", func() bool {
		_, err := os.Stat(orphan)
		return errors.Is(err, fs.ErrNotExist)
	}); err != nil {
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

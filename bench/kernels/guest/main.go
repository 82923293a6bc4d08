// Command guest is the init of a virtual machine: it runs /pause as PID 1 of a namespace, as an engine would, and prints what
// it saw on the console. Its last line begins with "result:", and then it turns the machine off.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"example.com/pause/tests/lib/proc"
)

const program = "/pause"

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
	process := proc.PID(pause.Process.Pid)
	await(func() bool {
		exe, _ := os.Readlink(process.Path("exe"))
		stat, err := process.Stat()
		return err == nil && exe == program && stat.State == "S"
	})
	fmt.Println("sleeps: yes")
	descendants := func() int {
		all, _ := process.Descendants()
		return len(all) - 1
	}
	if descendants() != 1 {
		return errors.New("there is no orphan")
	}
	_ = hold.Close()
	await(func() bool { return descendants() == 0 })
	fmt.Println("reaps: yes")
	if err := pause.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := pause.Wait(); err != nil {
		return fmt.Errorf("after SIGTERM: %w", err)
	}
	fmt.Println("SIGTERM: 0")
	return nil
}

// await returns as soon as condition holds. The machine outside gives up if that takes too long.
func await(condition func() bool) {
	for !condition() {
		time.Sleep(10 * time.Millisecond)
	}
}

package pid1

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Roles that Main plays, told by argv[0].
const (
	roleNothing = "pid1-nothing"
	roleScene   = "pid1-scene"
	roleAgent   = "pid1-agent"
)

// Descriptors of the helper, as startScene passes them.
const (
	reportFD = 3 + iota
	agentFD
)

// Main plays a role, and does not return, if this process was started by this package to do so; otherwise it returns
// at once. Call it first in TestMain or main.
func Main() {
	if len(os.Args) == 0 {
		return
	}
	switch os.Args[0] {
	case roleNothing:
		os.Exit(0)
	case roleScene:
		err := playScene(os.Args[1])
		fmt.Fprintf(os.NewFile(reportFD, "report"), "set the scene: %v", err)
		os.Exit(1)
	case roleAgent:
		if err := playAgent(os.Args[1]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// playScene sets the scene, and executes the program. It returns only what went wrong.
func playScene(text string) error {
	var spec Spec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	for fd := reportFD; fd <= agentFD; fd++ {
		unix.CloseOnExec(fd)
	}
	scene := spec.Scene
	if scene.Agent {
		// The agent is told which program to run, but is no scene itself.
		files := []uintptr{agentFD, agentFD, 2}
		argv := []string{roleAgent, text}
		if _, err := syscall.ForkExec("/proc/self/exe", argv, &syscall.ProcAttr{Files: files, Env: []string{}}); err != nil {
			return fmt.Errorf("start the agent: %w", err)
		}
	}
	if scene.Zombies > 0 {
		if err := leaveZombies(scene.Child, scene.Zombies); err != nil {
			return err
		}
	}
	for _, s := range scene.Ignore {
		signal.Ignore(s)
	}
	return execute(spec)
}

// leaveZombies starts count children and returns when all of them are dead; none is waited for.
func leaveZombies(argv []string, count int) error {
	pids, err := startChildren(argv[0], argv, count)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		// WNOWAIT leaves the child as it is: a zombie.
		for {
			err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
			if err == nil {
				break
			}
			if err != unix.EINTR {
				return fmt.Errorf("await the end of a child: %w", err)
			}
		}
	}
	return nil
}

// startChildren starts count children with all standard streams on /dev/null.
func startChildren(path string, argv []string, count int) ([]int, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	attr := &syscall.ProcAttr{Files: []uintptr{null.Fd(), null.Fd(), null.Fd()}, Env: []string{}}
	var pids []int
	for range count {
		pid, err := syscall.ForkExec(path, argv, attr)
		if err != nil {
			return nil, fmt.Errorf("start child %d of %d: %w", len(pids)+1, count, err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// execute becomes the program of spec, with the blocked signals and the seccomp filter of its scene.
func execute(spec Spec) error {
	path, err := syscall.BytePtrFromString(spec.path())
	if err != nil {
		return err
	}
	argv, err := syscall.SlicePtrFromStrings(spec.Argv)
	if err != nil {
		return err
	}
	envv := []*byte{nil}
	if spec.Scene.NoArgv {
		// Up to Linux 5.17 the environment then begins where argv[1] would be: a trap for a program that does not look
		// at argc. Later kernels add an empty argv[0].
		argv = []*byte{nil}
		trap, err := syscall.BytePtrFromString("-v")
		if err != nil {
			return err
		}
		envv = []*byte{trap, nil}
	}
	filter := spec.Scene.Filter

	// Mask and filter belong to the thread, and pass through execve. From here on the thread makes no other call than
	// these, because the filter may forbid whatever the Go runtime would like to do.
	runtime.LockOSThread()
	if len(spec.Scene.Block) > 0 {
		var set unix.Sigset_t
		for _, s := range spec.Scene.Block {
			bits := int(unsafe.Sizeof(set.Val[0])) * 8
			set.Val[(int(s)-1)/bits] |= 1 << ((int(s) - 1) % bits)
		}
		if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil); err != nil {
			return fmt.Errorf("block signals: %w", err)
		}
	}
	if len(filter) > 0 {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("no_new_privs: %w", err)
		}
		program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		_, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program)))
		if errno != 0 {
			return fmt.Errorf("install the seccomp filter: %w", errno)
		}
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])))
	return fmt.Errorf("execute %s: %w", spec.path(), errno)
}

// playAgent does what Process.Ask says, until it is told to exit or the other end is closed.
func playAgent(text string) error {
	var spec Spec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	orders := bufio.NewReader(os.Stdin)
	for {
		line, err := orders.ReadString('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		count := 0
		if verb != "exit" {
			if count, err = strconv.Atoi(rest); err != nil {
				return fmt.Errorf("order %q: %w", line, err)
			}
		}
		switch verb {
		case "kill":
			err = unix.Kill(1, syscall.Signal(count))
		case "orphans":
			_, err = startChildren(spec.path(), spec.Argv, count)
		case "zombies":
			err = leaveZombies(spec.Scene.Child, count)
		case "exit":
			fmt.Println("done")
			return nil
		default:
			err = fmt.Errorf("unknown order %q", line)
		}
		if err != nil {
			return err
		}
		fmt.Println("done")
	}
}

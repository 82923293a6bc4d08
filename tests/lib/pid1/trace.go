package pid1

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pause/tests/lib/proc"
)

// A Stop is one halt of a traced program: just before a system call, or just after it.
type Stop struct {
	Pid   int
	Audit uint32 // AUDIT_ARCH_ constant of the call
	Call  uint64
	After bool // the call has returned
}

// syscallInfo is struct ptrace_syscall_info of linux/ptrace.h, as PTRACE_GET_SYSCALL_INFO fills it in; words holds the
// union: number and arguments on entry, result and error flag on exit.
type syscallInfo struct {
	Op    uint8
	_     [3]uint8
	Audit uint32
	_     [2]uint64 // instruction and stack pointer
	Words [7]uint64
}

// Trace runs spec, which must have no scene, halts it before and after each of its system calls, and has each called
// for every halt. Trace returns how the program ended. It is an error if that takes longer than proc.Deadline: whoever
// traces a program that sleeps must end the sleep from within each, by a signal.
func Trace(spec Spec, each func(Stop) error) (status unix.WaitStatus, err error) {
	// All requests to a traced process must come from the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := start(spec, nil, []string{}, true)
	if err != nil {
		return 0, err
	}
	defer p.Kill()
	watchdog := time.AfterFunc(proc.Deadline, func() { _ = unix.Kill(int(p.PID), unix.SIGKILL) })
	defer watchdog.Stop()

	var call syscallInfo
	for options := unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL; ; {
		_, err := unix.Wait4(int(p.PID), &status, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		if status.Exited() || status.Signaled() {
			if !watchdog.Stop() {
				return status, fmt.Errorf("the traced program has not ended within %v", proc.Deadline)
			}
			return status, nil
		}
		deliver := 0
		switch stop := status.StopSignal(); {
		case options != 0: // the stop by which the kernel reports the execve
			if err := unix.PtraceSetOptions(int(p.PID), options); err != nil {
				return 0, fmt.Errorf("trace: %w", err)
			}
			options = 0
		case stop == unix.SIGTRAP|0x80: // a system call
			stop, err := readStop(int(p.PID), &call)
			if err != nil {
				return 0, err
			}
			if err := each(stop); err != nil {
				return 0, err
			}
		default: // a signal on its way
			deliver = int(stop)
		}
		if err := unix.PtraceSyscall(int(p.PID), deliver); err != nil && !errors.Is(err, syscall.ESRCH) {
			return 0, fmt.Errorf("trace: %w", err)
		}
	}
}

// readStop asks the kernel about the current stop. call keeps the entry for the exit that follows it.
func readStop(pid int, call *syscallInfo) (Stop, error) {
	var info syscallInfo
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(pid),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return Stop{}, fmt.Errorf("PTRACE_GET_SYSCALL_INFO: %w", errno)
	}
	switch info.Op {
	case unix.PTRACE_SYSCALL_INFO_ENTRY:
		*call = info
		return Stop{Pid: pid, Audit: info.Audit, Call: info.Words[0]}, nil
	case unix.PTRACE_SYSCALL_INFO_EXIT:
		return Stop{Pid: pid, Audit: call.Audit, Call: call.Words[0], After: true}, nil
	}
	return Stop{}, fmt.Errorf("PTRACE_GET_SYSCALL_INFO: unexpected stop %d", info.Op)
}

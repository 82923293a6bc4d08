//go:build freestanding

// Command pause is PID 1 of a container that does nothing, correctly: it sleeps, reaps orphans, and leaves with 0 on
// SIGINT and SIGTERM. `pause -v` prints its version.
//
// It has no runtime: no garbage collector, no scheduler, no standard library, no stack but the kernel's. What is left of
// Go is one function, next. The assembly of each architecture (entry_*.s) makes the system call that next asks for, hands
// its result back to next, and so on for ever. So all decisions are here, in Go, once for all architectures, and the
// assembly has none. docs/freestanding.md says how it is built.
package main

import "unsafe"

// main is never called; a package main must have one.
func main() {}

// next decides which system call comes next. a is the result of the last one, a negative errno if it failed, and nr its
// number. text points to constants in the program's text: 16 bytes of signal set, then the version. It returns the four
// arguments and the number of the next call. b, c and d only keep places, so that results and arguments of the assembly
// are in the same registers.
//
// The calls, in order:
//
//	rt_sigprocmask   block INT, TERM and CHLD: a blocked signal waits even for PID 1, and needs no handler
//	wait4            reap what has ended, without waiting, until there is no more: what had ended before, at first
//	rt_sigtimedwait  sleep until one of the three arrives; after CHLD, or a stop and continue (EINTR), reap again
//	exit_group       with 0 after INT or TERM, with 1 after an error that is not expected
//
// There is no variable: where the program is follows from the number of the last call. Every path either sleeps or ends,
// whatever the kernel or a seccomp filter answers.
//
//go:nosplit
func next(a, b, c, d, nr uintptr, text *byte) (a1, b1, c1, d1, nr1 uintptr) {
	r := int(a)
	switch {
	case nr == sysStart:
		// At the start, a is the stack pointer: argc, then the pointers of argv (gABI, "Process Initialization").
		s := (*struct {
			argc  uintptr
			argv0 uintptr
			argv1 *[3]byte
		})(unsafe.Pointer(a))
		if s.argc == 2 {
			v := s.argv1
			if v[0] == '-' && v[1] == 'v' && v[2] == 0 {
				return 1, uintptr(unsafe.Pointer(text)) + 16, uintptr(len(version)), 0, sysWrite
			}
		}
		return sigBlock, uintptr(unsafe.Pointer(text)), 0, sigsetSize, sysSigprocmask
	case nr == sysWait4:
		if r > 0 {
			break
		}
		if r == 0 || r == -eCHILD {
			return uintptr(unsafe.Pointer(text)), 0, 0, sigsetSize, sysSigtimedwait
		}
		fallthrough
	default:
		if nr == sysSigprocmask && r == 0 || nr == sysSigtimedwait && (r == sigCHLD || r == -eINTR) {
			break
		}
		// After a signal or a write, r is positive, and its sign bit 0; after an error it is 1.
		return a >> (unsafe.Sizeof(a)*8 - 1), 0, 0, 0, sysExit
	}
	return ^uintptr(0), 0, wNOHANG, 0, sysWait4
}

const (
	// sysStart is what the assembly gives next at first. That it is exit_group has a reason: should exit_group ever
	// return, because a seccomp filter denies it, next takes its errno for the stack pointer, and the fault ends the
	// program. It cannot spin.
	sysStart = sysExit

	wNOHANG = 1  // wait4: do not wait
	eINTR   = 4  // interrupted, for example by SIGSTOP and SIGCONT
	eCHILD  = 10 // wait4: there is no child
)

//go:build freestanding

// Command pause sleeps as PID 1: it reaps orphans and leaves on SIGINT and SIGTERM.
//
// It is Go without the Go runtime: no start-up code, no scheduler, no collector, no standard library. The whole program
// is two functions here, a page of constants and a page of assembly for each architecture (pause_ARCH.go,
// entry_ARCH.s), linked by tools/freestanding. docs/freestanding.md explains the tricks; every one of them exists
// because each byte counts.
//
// The program is a state machine. Go only decides which system call comes next; the assembly makes it:
//
//	call := start(stack)
//	for {
//		result := systemCall(call)
//		call = next(result, ...)
//	}
//
// No signal has a handler. SIGINT, SIGTERM and SIGCHLD are blocked, and rt_sigtimedwait takes them from the queue: the
// kernel queues a blocked signal even for PID 1 and even if its disposition is SIG_IGN. Every other signal keeps its
// default effect, and the kernel spares PID 1 that.
package main

import "unsafe"

// Numbers that are the same on every architecture.
const (
	sigINT  = 2
	sigTERM = 15
	wNOHANG = 1
	eINTR   = 4
	eCHILD  = 10
)

// stack is what the kernel leaves at the stack pointer for a new program: the number of arguments and pointers to them.
// Once they have been looked at, start puts the signal set in their place: it has to be somewhere in memory, and this
// memory is there anyway.
type stack struct {
	argc  uintptr
	argv0 *byte
	argv1 *[3]byte // If argc is less than 2, a nil pointer.
}

// A call is returned as five words: the first four arguments of a system call and its number. The order is that of the
// argument registers of most architectures, so that hardly any has to be moved.
//
// The fourth argument, d, is also the state of the machine: the assembly hands it back to next. Where the call that it
// goes with ignores it, it is free to be any value.
//
//	d            call                             result
//	sigsetSize   rt_sigprocmask                   0
//	sigsetSize   rt_sigtimedwait                  the signal
//	0            wait4                            the child, or 0 if none has ended
//	the length   write                            the length
//	s            exit_group                       none; it only returns if it was refused
//
// A result from -4095 to -1 is the negated error number.

// next decides what comes after a system call. a is its result and d its fourth argument. s is the stack of start, moved
// by d bytes: the assembly adds them. That costs no more than a move, and is how a refused exit ends; see there.
//
// Each call has a return of its own: returns are alike, so that they compress to little. sharedReturn is true where it is
// shorter to jump to another's. What two places lead to has a label, because the compiler would write it out twice.
//
//go:nosplit
func next(a uintptr, s *stack, _, d uintptr) (_, _, _, _, _ uintptr) {
	result := int(a)
	nr := uintptr(sysExitGroup)
	switch d {
	case 0: // wait4
		if result > 0 {
			goto reap // One was reaped; there may be more.
		}
		if result == 0 || result == -eCHILD {
			// Sleep, for as long as it takes. The signal set is where start left it: s has moved by 0.
			a = uintptr(unsafe.Pointer(s))
			d = sigsetSize
			nr = sysSigtimedwait
			if sharedReturn {
				goto call
			}
			return a, 0, 0, d, nr // rt_sigtimedwait(s, nil, nil, sigsetSize)
		}
	case sigsetSize: // rt_sigprocmask or rt_sigtimedwait
		// The signals are blocked now, so those that end from here on cannot be missed: look for those that had ended
		// before. One SIGCHLD can stand for many children; reap them all. EINTR is what a stop, a trace or a freezer
		// leaves behind: to look for children then does no harm. EAGAIN means that the time is up; here it never is.
		if result == 0 || result == sigCHLD || result == -eINTR {
			goto reap
		}
	}

	// Leave. After SIGINT, SIGTERM or the version that is with success; after any error, whose sign bit is set, with 1.
	//
	// If leaving itself is refused, by a seccomp filter for one, to try again would never end. So exit_group gets s as its
	// fourth argument, which it ignores: should it return, s has moved by itself, to twice the address of the stack.
	// There is nothing, and the following look at it ends even PID 1.
	_ = *s
	a >>= unsafe.Sizeof(a)*8 - 1
	d = uintptr(unsafe.Pointer(s))
call:
	return a, 0, 0, d, nr // exit_group(a), or the call that jumps here
reap:
	return ^uintptr(0), 0, wNOHANG, 0, sysWait4 // wait4(-1, nil, WNOHANG, nil)
}

// start decides on the first system call: the version if the only argument is -v, or else to block the signals.
// text points at the bytes of version, which the assembly has among its code.
//
//go:nosplit
func start(s *stack, text, _, _ uintptr) (a, b, c, d, nr uintptr) {
	// The compiler makes no string. It compares bytes, or several at once where the architecture can load them so.
	if s.argc == 2 && string(s.argv1[:]) == "-v\x00" {
		const stdout = 1
		// The length is the state, too: one constant less. A text as long as a signal set makes next take the write for a
		// call for signals. It leaves all the same, because no length up to that is SIGCHLD's number.
		return stdout, text, uintptr(len(version)), uintptr(len(version)), sysWrite
	}
	*(*uint64)(unsafe.Pointer(s)) = 1<<(sigINT-1) | 1<<(sigTERM-1) | 1<<(sigCHLD-1)
	if sigsetSize > 8 {
		*(*uint64)(unsafe.Pointer(&s.argv0)) = 0
	}
	return sigBlock, uintptr(unsafe.Pointer(s)), 0, sigsetSize, sysSigprocmask
}

// main is what the compiler wants to see in a package main. Nothing calls it, and the linker leaves it out.
func main() {}

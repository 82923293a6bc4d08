//go:build freestanding

package main

// Numbers of Linux on 386: arch/x86/entry/syscalls/syscall_32.tbl.
const (
	sysSigprocmask  = 175
	sysSigtimedwait = 421 // rt_sigtimedwait_time64: kernels may come without the call of 32-bit time.
	sysWait4        = 114
	sysWrite        = 4
	sysExitGroup    = 252
	sigBlock        = 0
	sigCHLD         = 17
	sigsetSize      = 8 // bytes

	// sharedReturn says whether next is shorter, compressed, with one return for two calls.
	sharedReturn = false
)

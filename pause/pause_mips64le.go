//go:build freestanding

package main

// Numbers of Linux on mips64le, ABI n64: arch/mips/kernel/syscalls/syscall_n64.tbl.
const (
	sysSigprocmask  = 5014
	sysSigtimedwait = 5126
	sysWait4        = 5059
	sysWrite        = 5001
	sysExitGroup    = 5205
	sigBlock        = 1
	sigCHLD         = 18
	sigsetSize      = 16 // bytes

	// sharedReturn says whether next is shorter, compressed, with one return for two calls.
	sharedReturn = true
)

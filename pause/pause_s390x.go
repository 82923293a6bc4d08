//go:build freestanding

package main

// Numbers of Linux on s390x: arch/s390/kernel/syscalls/syscall.tbl.
const (
	sysSigprocmask  = 175
	sysSigtimedwait = 177
	sysWait4        = 114
	sysWrite        = 4
	sysExitGroup    = 248
	sigBlock        = 0
	sigCHLD         = 17
	sigsetSize      = 8 // bytes

	// sharedReturn says whether next is shorter, compressed, with one return for two calls.
	sharedReturn = false
)

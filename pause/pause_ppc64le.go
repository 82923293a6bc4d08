//go:build freestanding

package main

// Numbers of Linux on ppc64le: arch/powerpc/kernel/syscalls/syscall.tbl.
const (
	sysSigprocmask  = 174
	sysSigtimedwait = 176
	sysWait4        = 114
	sysWrite        = 4
	sysExitGroup    = 234
	sigBlock        = 0
	sigCHLD         = 17
	sigsetSize      = 8 // bytes

	// sharedReturn says whether next is shorter, compressed, with one return for two calls.
	sharedReturn = false
)

//go:build freestanding

package main

// Numbers of Linux on amd64: arch/x86/entry/syscalls/syscall_64.tbl.
const (
	sysSigprocmask  = 14
	sysSigtimedwait = 128
	sysWait4        = 61
	sysWrite        = 1
	sysExitGroup    = 231
	sigBlock        = 0
	sigCHLD         = 17
	sigsetSize      = 8 // bytes

	// sharedReturn says whether next is shorter, compressed, with one return for two calls.
	sharedReturn = false
)

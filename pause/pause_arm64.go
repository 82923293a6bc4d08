//go:build freestanding

package main

// Numbers of Linux on arm64: arch/arm64, by include/uapi/asm-generic/unistd.h.
const (
	sysSigprocmask  = 135
	sysSigtimedwait = 137
	sysWait4        = 260
	sysWrite        = 64
	sysExitGroup    = 94
	sigBlock        = 0
	sigCHLD         = 17
	sigsetSize      = 8 // bytes

	// sharedReturn says whether next is shorter, compressed, with one return for two calls.
	sharedReturn = false
)

//go:build freestanding

package main

const (
	sysSigprocmask  = 135
	sysSigtimedwait = 137
	sysWait4        = 260
	sysWrite        = 64
	sysExit         = 94
	sigBlock        = 0
	sigCHLD         = 17
	sigsetSize      = 8
)

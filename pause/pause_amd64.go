//go:build freestanding

package main

const (
	sysSigprocmask  = 14
	sysSigtimedwait = 128
	sysWait4        = 61
	sysWrite        = 1
	sysExit         = 231
	sigBlock        = 0
	sigCHLD         = 17
	sigsetSize      = 8
)

//go:build freestanding

package main

const (
	sysSigprocmask  = 175
	sysSigtimedwait = 421
	sysWait4        = 114
	sysWrite        = 4
	sysExit         = 252
	sigBlock        = 0
	sigCHLD         = 17
	sigsetSize      = 8
)

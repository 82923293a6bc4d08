//go:build freestanding

package main

const (
	sysSigprocmask  = 174
	sysSigtimedwait = 176
	sysWait4        = 114
	sysWrite        = 4
	sysExit         = 234
	sigBlock        = 0
	sigCHLD         = 17
	sigsetSize      = 8
)

//go:build freestanding

package main

const (
	sysSigprocmask  = 5014
	sysSigtimedwait = 5126
	sysWait4        = 5059
	sysWrite        = 5001
	sysExit         = 5205
	sigBlock        = 1
	sigCHLD         = 18
	sigsetSize      = 16
)

//go:build linux && (386 || amd64 || arm || mips64le || ppc64le || s390x)

package main

import "golang.org/x/sys/unix"

// Newer architectures have no such call: their C libraries make pause(2) of ppoll.
func init() { sleeping = append(sleeping, unix.SYS_PAUSE) }

// Command pause is the pause container that everybody would write in ordinary Go, runtime and standard library included:
// SIGINT and SIGTERM end it with status 0, SIGCHLD makes it reap, and -v prints the version.
//
// It is the example of how to build an image (BUILD.bazel), and what the sizes, memory and latency of the real one are
// compared with. It is never shipped.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const version = "1.0.0"

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-v" {
		fmt.Println("pause", version)
		return
	}

	// Two channels, so that a burst of SIGCHLD cannot fill the one that the request to stop comes through.
	stop, children := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	signal.Notify(children, syscall.SIGCHLD)
	for {
		reap()
		select {
		case <-stop:
			return
		case <-children:
		}
	}
}

// reap collects every child that has ended, orphans that PID 1 inherited included.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if pid <= 0 {
			return
		}
	}
}

// Package consumer tests what a module that builds on pause gets.
package consumer

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/term"
)

// The program without the Go runtime ends with status 0, and is as small as such a program is.
func TestFreestanding(t *testing.T) {
	if out, err := exec.Command("./true").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if program, err := os.ReadFile("true"); err != nil || len(program) > 640 {
		t.Errorf("%d bytes, error %v; without a runtime it has at most 640", len(program), err)
	}
}

// Ordinary programs are compiled by the SDK of this module, and not by that of pause.
func TestSDK(t *testing.T) {
	if got := runtime.Version(); got != "go1.27.4" {
		t.Errorf("compiled by %s; MODULE.bazel asks for go1.27.4", got)
	}
}

// A Go module that pause has in a newer version can be used in this one.
func TestModule(t *testing.T) {
	if term.IsTerminal(-1) {
		t.Error("no descriptor is a terminal")
	}
}

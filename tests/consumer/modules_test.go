// Package modules uses a Go module that pause also has, in a newer version: see MODULE.bazel.
package modules

import (
	"testing"

	"golang.org/x/term"
)

func TestModule(t *testing.T) {
	if term.IsTerminal(-1) {
		t.Error("no descriptor is a terminal")
	}
}

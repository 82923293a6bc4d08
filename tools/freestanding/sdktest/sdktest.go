// Package sdktest finds, for tests, what package freestanding builds from: a Go SDK and the program's sources.
package sdktest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// Environment variables that BUILD files set to runfiles paths. Without them the go command is asked.
const (
	envSDK     = "PAUSE_GO_SDK"     // the file ROOT of the Go SDK
	envSources = "PAUSE_GO_SOURCES" // the sources, separated by blanks
)

// SDK returns the root of a Go SDK.
func SDK(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(envSDK); path != "" {
		return filepath.Dir(locate(t, path))
	}
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("no Go SDK: set %s, or have go on PATH: %v", envSDK, err)
	}
	return strings.TrimSpace(string(out))
}

// Sources returns the sources of the program in folder pause.
func Sources(t testing.TB) []string {
	t.Helper()
	var files []string
	if paths := os.Getenv(envSources); paths != "" {
		for _, path := range strings.Fields(paths) {
			files = append(files, locate(t, path))
		}
		return files
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("no sources: set %s, or have go on PATH: %v", envSources, err)
	}
	for _, pattern := range []string{"*.go", "*.s"} {
		match, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "pause", pattern))
		if err != nil || len(match) == 0 {
			t.Fatalf("no sources: %s in folder pause: %v", pattern, err)
		}
		files = append(files, match...)
	}
	return files
}

// locate returns the file at a runfiles path.
func locate(t testing.TB, path string) string {
	t.Helper()
	file, err := runfiles.Rlocation(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

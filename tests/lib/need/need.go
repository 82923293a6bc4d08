// Package need lets a test say what it needs to go on: from the machine an engine, a namespace, an emulator, root; and from its own
// steps that they succeed.
//
// What is absent is reported as a skipped test with its reason, so that a passing run never hides what it did not do.
// With the environment variable PAUSE_REQUIRE_ALL=1, which --config=ci sets, the same absence fails the test.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// EnvRequireAll is the environment variable that turns every skip into a failure when it is "1".
const EnvRequireAll = "PAUSE_REQUIRE_ALL"

// Required reports whether this run must not skip anything.
func Required() bool { return os.Getenv(EnvRequireAll) == "1" }

// That skips the test with reason unless have is true; it fails the test instead where Required says so.
// reason says what is missing and what would provide it.
func That(t testing.TB, have bool, reason string) {
	t.Helper()
	if have {
		return
	}
	if Required() {
		t.Fatalf("needed here (%s=1) but missing: %s", EnvRequireAll, reason)
	}
	t.Skipf("skipped: %s", reason)
}

// Program returns the path of an executable found on PATH, or skips or fails the test as That does.
// pkg names the Debian package that has it.
func Program(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	That(t, err == nil, name+" is not on PATH; Debian's package "+pkg+" has it")
	return path
}

// NoError fails the test at once if err is not nil.
func NoError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Package engines runs the shipped image for real, by the container engines that people use.
//
// PAUSE_LAYOUT names the OCI layout of the image. An engine that is not installed is skipped with the reason. The tests
// need root, and leave nothing behind: see TestMain.
package engines

import (
	"regexp"
	"testing"
	"time"

	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

// gracePeriod is what Docker and Podman grant a container between SIGTERM and SIGKILL; Kubernetes grants thirty seconds.
const gracePeriod = 10 * time.Second

// An engine starts containers of the shipped image: without a network, with a read-only root, without capabilities and
// without the right to new privileges.
type engine interface {
	// filters reports whether the engine has a seccomp profile of its own, and uses it when it is given none.
	filters() bool
	// start starts a container with the seccomp profile in the named file, or with the engine's own if profile is empty.
	start(t *testing.T, profile string) container
	// print runs a container with arguments to its end and returns its standard output.
	print(t *testing.T, args ...string) string
}

// A container was started by an engine. It is removed when its test ends.
type container struct {
	pid proc.PID // as this PID namespace has it
	// stop asks the engine to end the container with SIGTERM, and returns the container's exit code.
	stop func(t *testing.T) int
}

// promises checks all that the image promises on engine e.
func promises(t *testing.T, e engine) {
	t.Helper()
	unnamed := "NoSeccomp"
	if e.filters() {
		unnamed = "DefaultSeccomp"
	}
	for _, profile := range []struct {
		name     string
		path     string
		filtered bool
	}{
		{unnamed, "", e.filters()},
		{"ShippedSeccomp", targets.File(t, "PAUSE_SECCOMP"), true},
	} {
		t.Run(profile.name, func(t *testing.T) {
			c := e.start(t, profile.path)
			awaitSleep(t, c.pid)
			checkProcess(t, c.pid, profile.filtered)
			checkReaps(t, c.pid)
			begin := time.Now()
			code := c.stop(t)
			if code != 0 {
				t.Errorf("after SIGTERM the container's exit code is %d, want 0", code)
			}
			if took := time.Since(begin); took >= gracePeriod {
				t.Errorf("stopping took %v, which is not less than the grace period of %v", took, gracePeriod)
			}
		})
	}
	t.Run("Version", func(t *testing.T) {
		if got := e.print(t, "-v"); !regexp.MustCompile(`^pause \S+\n$`).MatchString(got) {
			t.Errorf("with -v the container prints %q, want one line, pause and its version", got)
		}
	})
}

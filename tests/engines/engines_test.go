// Package engines runs the shipped image for real, by the container engines that people use.
//
// PAUSE_LAYOUT names the OCI layout of the image. An engine that is not installed is skipped with the reason. The tests
// need root, and leave nothing behind: see TestMain.
package engines

import (
	"os"
	"regexp"
	"testing"
	"time"

	"example.com/pause/tests/lib/bundle"
	"example.com/pause/tests/lib/jail"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pods"
	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

func TestMain(m *testing.M) { jail.Main(m, "pause-engines") }

// isolated skips the test where engines cannot be run without leaving traces.
func isolated(t *testing.T) {
	t.Helper()
	t.Parallel()
	jail.Need(t)
}

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
	t.Run("Version", func(t *testing.T) { checkVersion(t, e) })
}

// checkVersion checks that the program says its version.
func checkVersion(t *testing.T, e engine) {
	t.Helper()
	if got := e.print(t, "-v"); !regexp.MustCompile(`^pause \S+\n$`).MatchString(got) {
		t.Errorf("with -v the container prints %q, want one line, pause and its version", got)
	}
}

// reference is the name that engines get to know the image by; the shipped configuration uses it too.
const reference = pods.Reference

// layout returns the path of the image's OCI layout.
func layout(t *testing.T) string {
	t.Helper()
	_, ok := targets.Host()
	need.That(t, ok, "the image is not built for the architecture of this machine")
	return targets.File(t, "PAUSE_LAYOUT")
}

// digest returns the digest of the image index.
func digest(t *testing.T) string {
	t.Helper()
	index, err := bundle.Layout(layout(t))
	need.NoError(t, err)
	manifest, err := index.IndexManifest()
	need.NoError(t, err)
	return manifest.Manifests[0].Digest.String()
}

// hostDigest returns the digest of the image for this machine.
func hostDigest(t *testing.T) string {
	t.Helper()
	image, err := bundle.Image(layout(t))
	need.NoError(t, err)
	digest, err := image.Digest()
	need.NoError(t, err)
	return digest.String()
}

// unpack writes the image's files into the new folder root and returns what it says to start.
func unpack(t *testing.T, root string) bundle.Process {
	t.Helper()
	need.NoError(t, os.Mkdir(root, 0o755))
	process, err := bundle.Unpack(layout(t), root)
	need.NoError(t, err)
	return process
}

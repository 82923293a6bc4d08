package bazelw

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pause/tests/lib/need"
)

// A download that brings nothing more is given up.
func TestStopped(t *testing.T) {
	t.Parallel()
	dir, path := checkout(t, map[string]string{"bazelisk": "#!/bin/bash\nexec sleep 1000\n"})
	code, _, stderr := call(t, dir, []string{"PATH=" + path, "BAZELW_PATIENCE=1"}, "--online", "info")
	if want := "bazelisk does not give Bazel " + version; code != 36 || !strings.Contains(stderr, want) {
		t.Errorf("exit code %d, want 36; stderr is %q, want %q", code, stderr, want)
	}
}

// A download shows on a terminal how far it is.
func TestProgress(t *testing.T) {
	t.Parallel()
	dir, path := checkout(t, map[string]string{"bazelisk": slow + bazel(version)})
	terminal, name := openTerminal(t)
	stderr, err := os.OpenFile(name, os.O_WRONLY|unix.O_NOCTTY, 0)
	need.NoError(t, err)
	cmd := command(t, dir, []string{"PATH=" + path}, "info")
	cmd.Stderr = stderr
	err = cmd.Run()
	stderr.Close()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v, want exit code 7", err)
	}
	// Once nobody has the other side open, reading ends with an error.
	said, _ := io.ReadAll(terminal)
	if want := "\rbazelw: downloading Bazel " + version + ": 0 MB"; !strings.Contains(string(said), want) {
		t.Errorf("the terminal shows %q, want %q", said, want)
	}
}

// openTerminal returns a new terminal, and the name of the file that programs write to.
func openTerminal(t *testing.T) (*os.File, string) {
	t.Helper()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	need.That(t, err == nil, "there are no pseudo-terminals: /dev/ptmx cannot be opened")
	t.Cleanup(func() { terminal.Close() })
	fd := int(terminal.Fd())
	need.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	need.NoError(t, err)
	return terminal, fmt.Sprintf("/dev/pts/%d", number)
}

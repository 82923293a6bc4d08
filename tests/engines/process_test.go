package engines

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.com/pause/tests/lib/jail"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

// temp returns a new folder with a path short enough for a socket in it.
func temp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(jail.WorkDir, "")
	need.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// awaitSleep waits until the process sleeps in the one system call in which the program waits for signals: a signal that
// comes earlier is lost, because it goes to a PID 1 that has not said yet that it wants it.
func awaitSleep(t *testing.T, pid proc.PID) {
	t.Helper()
	host, ok := targets.Host()
	if !ok {
		t.Fatal("tests/lib/targets does not know this machine's architecture")
	}
	need.NoError(t, pid.AwaitSleep(host.Sleep()))
}

// checkProcess checks what the engine made of the image and of the options: it is the image's program that runs, once,
// as the image's user, and it can do nothing.
func checkProcess(t *testing.T, pid proc.PID, filtered bool) {
	t.Helper()
	seccomp := "0"
	if filtered {
		seccomp = "2" // SECCOMP_MODE_FILTER
	}
	status := checkStatus(t, pid, map[string]string{
		"Threads":    "1",
		"Uid":        "65535 65535 65535 65535",
		"Gid":        "65535 65535 65535 65535",
		"CapInh":     "0000000000000000",
		"CapPrm":     "0000000000000000",
		"CapEff":     "0000000000000000",
		"CapBnd":     "0000000000000000",
		"CapAmb":     "0000000000000000",
		"NoNewPrivs": "1",
		"Seccomp":    seccomp,
	})
	if groups := status["Groups"]; groups != "" && groups != "65535" {
		t.Errorf("supplementary groups of the process are %q, want none but its own", groups)
	}
	checkProgram(t, pid)
	// Root outside of the container may write wherever the mount allows it.
	if err := os.WriteFile(pid.Path("root/probe"), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing into the container's root: %v, want: %v", err, syscall.EROFS)
	}
}

// checkStatus compares fields of /proc/PID/status, and returns all of them.
func checkStatus(t *testing.T, pid proc.PID, want map[string]string) map[string]string {
	t.Helper()
	status, err := pid.Status()
	need.NoError(t, err)
	for field, value := range want {
		if status[field] != value {
			t.Errorf("%s of the process is %q, want %q", field, status[field], value)
		}
	}
	return status
}

// checkProgram checks that the process runs the very program that is in the image.
func checkProgram(t *testing.T, pid proc.PID) {
	t.Helper()
	root := filepath.Join(temp(t), "root")
	process := unpack(t, root)
	want, err := os.ReadFile(filepath.Join(root, process.Args[0]))
	need.NoError(t, err)
	got, err := os.ReadFile(pid.Path("exe"))
	need.NoError(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("the process runs a program of %d bytes, not the image's of %d bytes", len(got), len(want))
	}
}

// checkReaps starts a process in the PID namespace of process pid, as a pod with a shared PID namespace does; orphans it,
// so that the namespace's PID 1 inherits it; kills it; and waits until it is no longer there, not even as a zombie.
func checkReaps(t *testing.T, pid proc.PID) {
	t.Helper()
	// The inner shell starts its last command in the background and ends: that makes the orphan. Its standard output
	// must not be the pipe that is read until the last writer is gone.
	run(t, "nsenter", "--target", strconv.Itoa(int(pid)), "--pid", "sh", "-c", `sh -c "sleep 1000 >/dev/null 2>&1 &"`)
	need.NoError(t, pid.AwaitDescendants(1))
	all, err := pid.Descendants()
	need.NoError(t, err)
	need.NoError(t, syscall.Kill(int(all[1]), syscall.SIGKILL))
	need.NoError(t, pid.AwaitDescendants(0))
	awaitSleep(t, pid)
}

// run runs a command that must succeed, and returns what it printed on standard output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), proc.Patience)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = &stderr
	cmd.WaitDelay = proc.Patience // what it leaves behind may keep the pipes open
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(stderr.String()+string(out)))
	}
	return string(out)
}

// awaitPID waits until the command has written a PID into the file, and returns it.
func awaitPID(t *testing.T, c proc.Command, file string) proc.PID {
	t.Helper()
	pid := 0
	c.Await(t, "the PID in "+file, func() bool {
		content, _ := os.ReadFile(file)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(content)))
		return pid != 0
	})
	return proc.PID(pid)
}

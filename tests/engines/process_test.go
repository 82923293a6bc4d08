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
	"time"

	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

// patience is how long a test waits for what must happen. It is no measurement: nothing here takes a second.
const patience = 30 * time.Second

// await returns once done says so, and fails the test when that takes too long. state is asked for then.
func await(t *testing.T, what string, done func() bool, state func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s; it is: %s", patience, what, state())
		}
	}
}

// temp returns a new folder with a path short enough for a socket in it.
func temp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(workDir, "")
	check(t, err)
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
	check(t, pid.AwaitSleep(host.Sleep()))
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
	check(t, err)
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
	check(t, err)
	got, err := os.ReadFile(pid.Path("exe"))
	check(t, err)
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
	check(t, pid.AwaitChildren(1))
	orphans, err := pid.Children()
	check(t, err)
	check(t, syscall.Kill(int(orphans[0]), syscall.SIGKILL))
	check(t, pid.AwaitChildren(0))
	awaitSleep(t, pid)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a command that must succeed, and returns what it printed on standard output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = &stderr
	cmd.WaitDelay = patience // what it leaves behind may keep the pipes open
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(stderr.String()+string(out)))
	}
	return string(out)
}

// A command runs in the background.
type command struct {
	*exec.Cmd
	ended chan struct{} // closed when it has ended
}

// background starts a command that the test will wait for or kill, with its output in a file: a pipe would be kept open
// by whatever the command leaves behind. The file's content is logged if the test fails.
func background(t *testing.T, name string, args ...string) command {
	t.Helper()
	log, err := os.Create(filepath.Join(temp(t), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if content, _ := os.ReadFile(log.Name()); t.Failed() && len(content) > 0 {
			t.Logf("%s printed:\n%s", filepath.Base(name), tail(content, 4000))
		}
		log.Close()
	})
	c := command{exec.Command(name, args...), make(chan struct{})}
	c.Stdout, c.Stderr = log, log
	check(t, c.Start())
	go func() {
		c.Wait()
		close(c.ended)
	}()
	return c
}

// code waits for the end of the command and returns its exit code, as a shell would have it.
func (c command) code(t *testing.T) int {
	t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.Process.Kill()
		<-c.ended
		t.Errorf("%s did not end within %v and was killed", strings.Join(c.Args, " "), patience)
	}
	if status := c.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return c.ProcessState.ExitCode()
}

// await is the function await for something that can only happen while the command runs.
func (c command) await(t *testing.T, what string, done func() bool) {
	t.Helper()
	await(t, what, func() bool {
		select {
		case <-c.ended:
			t.Fatalf("%s ended while the test waited for %s: %v", filepath.Base(c.Path), what, c.ProcessState)
		default:
		}
		return done()
	}, func() string { return "still running" })
}

// awaitPID waits until the command has written a PID into the file, and returns it.
func (c command) awaitPID(t *testing.T, file string) proc.PID {
	t.Helper()
	pid := 0
	c.await(t, "the PID in "+file, func() bool {
		content, _ := os.ReadFile(file)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(content)))
		return pid != 0
	})
	return proc.PID(pid)
}

// tail returns the end of content, at most n bytes.
func tail(content []byte, n int) []byte { return content[max(0, len(content)-n):] }

package proc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pause/tests/lib/need"
)

// Patience is how long a test waits for what must happen. It is no measurement: on an idle machine nothing takes seconds.
const Patience = 2 * time.Minute

// Await returns once done says so, and fails the test when that takes longer than Patience. state is asked for then.
func Await(t testing.TB, what string, done func() bool, state func() string) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s; it is: %s", Patience, what, state())
		}
	}
}

// A Command runs beside a test.
type Command struct {
	*exec.Cmd
	ended chan struct{} // closed when it has ended
}

// Start starts a program that the test will wait for or kill, with its output in a file: a pipe would be kept open by whatever
// the program leaves behind. The end of the file is logged if the test fails.
func Start(t testing.TB, name string, args ...string) Command {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	need.NoError(t, err)
	t.Cleanup(func() {
		log.Close()
		if content, _ := os.ReadFile(log.Name()); t.Failed() && len(content) > 0 {
			t.Logf("%s printed:\n%s", filepath.Base(name), content[max(0, len(content)-4000):])
		}
	})
	c := Command{exec.Command(name, args...), make(chan struct{})}
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	need.NoError(t, c.Start())
	go func() {
		c.Wait()
		close(c.ended)
	}()
	return c
}

// Daemon is Start for a program that runs until the test ends, and then gets SIGTERM.
func Daemon(t testing.TB, name string, args ...string) Command {
	t.Helper()
	c := Start(t, name, args...)
	t.Cleanup(func() {
		c.Process.Signal(syscall.SIGTERM)
		c.Code(t)
	})
	return c
}

// Code waits for the end of the command and returns its exit code, as a shell would have it.
func (c Command) Code(t testing.TB) int {
	t.Helper()
	select {
	case <-c.ended:
	case <-time.After(Patience):
		c.Process.Kill()
		<-c.ended
		t.Errorf("%s did not end within %v and was killed", strings.Join(c.Args, " "), Patience)
	}
	if status := c.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return c.ProcessState.ExitCode()
}

// Await is the function Await for something that can only happen while the command runs.
func (c Command) Await(t testing.TB, what string, done func() bool) {
	t.Helper()
	Await(t, what, func() bool {
		select {
		case <-c.ended:
			t.Fatalf("%s ended while the test waited for %s: %v", filepath.Base(c.Path), what, c.ProcessState)
		default:
		}
		return done()
	}, func() string { return "still running" })
}

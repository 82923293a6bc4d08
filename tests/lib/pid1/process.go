// Package pid1 runs a program as PID 1 of a new PID namespace, without root and without a container engine, and
// observes it from outside through /proc, pidfds and ptrace.
//
// A test binary or command that uses it calls Main before anything else: some scenes are set by the program itself, run
// again inside the namespace.
package pid1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/proc"
)

// A Spec says what to run, as what, and in which scene.
type Spec struct {
	// Argv is the program and its arguments. Argv[0] is also the file to execute, unless Path is set.
	Argv []string
	// Path is the file to execute; empty means Argv[0].
	Path string
	// Ordinary runs the program as an ordinary process: in the caller's namespaces, and in a process group of its own,
	// so that the terminal's signals stop it as they would a job of a shell.
	Ordinary bool
	// Stdout is the program's standard output; nil is /dev/null. Standard input and error are /dev/null, and the
	// environment is empty.
	Stdout *os.File

	// Scene is what the process does before it becomes the program; nil means that it starts as the program.
	Scene *Scene
}

// A Scene is what a process has done before it executes the program, as some other program in its place may have.
type Scene struct {
	Ignore  []syscall.Signal // signals whose disposition it sets to SIG_IGN
	Block   []syscall.Signal // signals that it blocks
	Zombies int              // children that it leaves behind, dead and not waited for
	Child   []string         // what these children run: it must end by itself
	Agent   bool             // leave a living child behind, which does what Process.Ask says
	Filter  []unix.SockFilter
	NoArgv  bool // execute the program with no arguments at all, not even argv[0]
}

// A Process is a running program.
type Process struct {
	proc.PID

	fd      int // pidfd
	status  *unix.WaitStatus
	ask     *os.File // to the agent
	answer  *os.File // from the agent
	answers *bufio.Reader
}

// Available reports, as package need does, whether user and PID namespaces can be made here and seen in /proc.
func Available(t testing.TB) {
	t.Helper()
	err := available()
	need.That(t, err == nil, fmt.Sprintf("unprivileged user and PID namespaces: %v", err))
}

var available = sync.OnceValue(func() error {
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return errors.New("/proc is not that of this PID namespace")
	}
	p, err := Start(Spec{Path: "/proc/self/exe", Argv: []string{roleNothing}})
	if err != nil {
		return err
	}
	defer p.Kill()
	_, err = p.Wait()
	return err
})

// Start runs spec, and returns once the program has been executed (not: once it is ready). Call Kill when done.
func Start(spec Spec) (*Process, error) {
	if len(spec.Argv) == 0 {
		return nil, errors.New("pid1: nothing to run")
	}
	if spec.Path == "" {
		spec.Path = spec.Argv[0]
	}
	if spec.Scene != nil {
		return startScene(spec)
	}
	return start(spec, nil, []string{}, false)
}

// start forks and executes spec. Extra files become descriptors 3 and up, env its environment. A traced program stops
// before its first instruction; the calling thread is its tracer.
func start(spec Spec, extra []*os.File, env []string, traced bool) (*Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	stdout := spec.Stdout
	if stdout == nil {
		stdout = null
	}
	files := []uintptr{null.Fd(), stdout.Fd(), null.Fd()}
	for _, f := range extra {
		files = append(files, f.Fd())
	}

	p := &Process{fd: -1}
	// Nothing outlives a test that is cut short.
	sys := &syscall.SysProcAttr{PidFD: &p.fd, Ptrace: traced, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if !spec.Ordinary {
		sys.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	pid, err := syscall.ForkExec(spec.Path, spec.Argv, &syscall.ProcAttr{Files: files, Env: env, Sys: sys})
	p.PID = proc.PID(pid)
	runtime.KeepAlive(extra)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	if p.fd < 0 {
		p.Kill()
		return nil, errors.New("this kernel has no pidfds (before Linux 5.3)")
	}
	return p, nil
}

// startScene runs this very program as a helper that sets the scene and then becomes the program.
func startScene(spec Spec) (*Process, error) {
	// The helper's end of the first pipe closes when it executes the program; until then it can say what went wrong.
	failed, report, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer failed.Close()
	defer report.Close()
	orders, ask, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer orders.Close()
	answers, answer, err := os.Pipe()
	if err != nil {
		ask.Close()
		return nil, err
	}
	defer answer.Close()

	helper := spec
	helper.Path, helper.Argv = "/proc/self/exe", helperArgv(spec)
	// The Go runtime must not interrupt the helper's last steps, which run under the scene's seccomp filter.
	p, err := start(helper, []*os.File{report, orders, answer}, []string{"GODEBUG=asyncpreemptoff=1"}, false)
	if err != nil {
		ask.Close()
		answers.Close()
		return nil, err
	}
	p.ask, p.answer, p.answers = ask, answers, bufio.NewReader(answers)
	report.Close()
	err = failed.SetReadDeadline(time.Now().Add(proc.Deadline))
	var message []byte
	if err == nil {
		message, err = io.ReadAll(failed)
	}
	if err != nil {
		err = fmt.Errorf("the scene is not set: %w", err)
	} else if len(message) > 0 {
		err = errors.New(string(message))
	}
	if err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

// Ask has the scene's agent do something inside the namespace, and returns once it is done:
//
//	kill N       send signal N to PID 1
//	orphans N    start N children that run the scene's program as ordinary, sleeping processes
//	zombies N    start N of the scene's Child, and let them end without waiting for them
//	exit         end, and leave all children to PID 1
func (p *Process) Ask(format string, args ...any) error {
	if p.ask == nil {
		return errors.New("pid1: the scene has no agent")
	}
	if _, err := fmt.Fprintf(p.ask, format+"\n", args...); err != nil {
		return err
	}
	if err := p.answer.SetReadDeadline(time.Now().Add(proc.Deadline)); err != nil {
		return err
	}
	line, err := p.answers.ReadString('\n')
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the agent in the namespace has not answered within %v", proc.Deadline)
	}
	if err != nil {
		return fmt.Errorf("the agent in the namespace ended: %w", err)
	}
	if line = strings.TrimSpace(line); line != "done" {
		return errors.New(line)
	}
	return nil
}

// Signal sends s to the process from outside its namespace.
func (p *Process) Signal(s syscall.Signal) error { return unix.PidfdSendSignal(p.fd, s, nil, 0) }

// Wait waits until the process has ended, and returns how. It is an error if that takes longer than proc.Deadline.
func (p *Process) Wait() (unix.WaitStatus, error) {
	if p.status != nil {
		return *p.status, nil
	}
	end := time.Now().Add(proc.Deadline)
	for {
		left := time.Until(end)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, int(max(left.Milliseconds(), 0)))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, fmt.Errorf("process %d has not ended within %v: %s", p.PID, proc.Deadline, p.Describe())
		}
		return p.collect()
	}
}

// collect waits for a process that is dead or dying.
func (p *Process) collect() (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(int(p.PID), &status, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		if status.Exited() || status.Signaled() {
			p.status = &status
			return status, nil
		}
	}
}

// Kill ends the process, and its namespace with it, whatever it does, and waits until it is gone. A second call does
// nothing.
func (p *Process) Kill() {
	if p.status == nil && p.PID > 0 {
		_ = unix.Kill(int(p.PID), unix.SIGKILL)
		_, _ = p.collect()
	}
	if p.fd >= 0 {
		unix.Close(p.fd)
		p.fd = -1
	}
	if p.ask != nil {
		p.ask.Close()
		p.answer.Close()
		p.ask = nil
	}
}

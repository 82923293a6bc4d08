// Package pid1 runs a program as PID 1 of a new PID namespace, without root and without a container engine, and
// observes it from outside through /proc, pidfds and ptrace.
//
// A test binary or command that uses it calls Main before anything else: some scenes are set by the program itself, run
// again inside the namespace.
package pid1

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
	Stdout *os.File `json:"-"`

	// Scene is what the process does before it becomes the program; nil means that it starts as the program.
	Scene *Scene
}

// path is the file to execute.
func (s Spec) path() string { return cmp.Or(s.Path, s.Argv[0]) }

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

	handle  *os.Process
	agent   *os.File // orders to it, and its answers; nil without a scene
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
	if spec.Scene != nil {
		return startScene(spec)
	}
	return start(spec, nil, []string{}, false)
}

// start executes spec. Extra files become descriptors 3 and up, env its environment. A traced program stops before its first
// instruction; the calling thread is its tracer.
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
	// Nothing outlives a test that is cut short.
	sys := &syscall.SysProcAttr{Ptrace: traced, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if !spec.Ordinary {
		sys.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	handle, err := os.StartProcess(spec.path(), spec.Argv, &os.ProcAttr{
		Files: append([]*os.File{null, stdout, null}, extra...), Env: env, Sys: sys,
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.path(), err)
	}
	return &Process{PID: proc.PID(handle.Pid), handle: handle}, nil
}

// startScene runs this very program as a helper that sets the scene and then becomes the program.
func startScene(spec Spec) (*Process, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	// The helper's end of the pipe closes when it executes the program; until then it can say what went wrong.
	failed, report, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer failed.Close()
	defer report.Close()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "agent"), os.NewFile(uintptr(ends[1]), "orders")
	defer theirs.Close()

	helper := spec
	helper.Path, helper.Argv = "/proc/self/exe", []string{roleScene, string(text)}
	// The Go runtime must not interrupt the helper's last steps, which run under the scene's seccomp filter.
	p, err := start(helper, []*os.File{report, theirs}, []string{"GODEBUG=asyncpreemptoff=1"}, false)
	if err != nil {
		ours.Close()
		return nil, err
	}
	p.agent, p.answers = ours, bufio.NewReader(ours)
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
	if err := p.agent.SetDeadline(time.Now().Add(proc.Deadline)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(p.agent, format+"\n", args...); err != nil {
		return err
	}
	line, err := p.answers.ReadString('\n')
	if err != nil {
		return fmt.Errorf("the agent in the namespace has ended, or does not answer: %w", err)
	}
	if line = strings.TrimSpace(line); line != "done" {
		return errors.New(line)
	}
	return nil
}

// Signal sends s to the process from outside its namespace.
func (p *Process) Signal(s syscall.Signal) error { return p.handle.Signal(s) }

// Wait waits until the process has ended, and returns how. It is an error if that takes longer than proc.Deadline; the process
// is killed then.
func (p *Process) Wait() (unix.WaitStatus, error) {
	doing := make(chan string, 1)
	late := time.AfterFunc(proc.Deadline, func() {
		doing <- p.Describe()
		_ = p.handle.Kill()
	})
	state, err := p.handle.Wait()
	if !late.Stop() {
		return 0, fmt.Errorf("process %d has not ended within %v: %s", p.PID, proc.Deadline, <-doing)
	}
	if err != nil {
		return 0, err
	}
	return unix.WaitStatus(state.Sys().(syscall.WaitStatus)), nil
}

// Kill ends the process, and its namespace with it, whatever it does, and waits until it is gone. After the end of the process
// it only releases what belongs to it.
func (p *Process) Kill() {
	// The errors are those of a process that is gone already.
	_ = p.handle.Kill()
	_, _ = p.handle.Wait()
	_ = p.handle.Release()
	p.agent.Close() // does nothing to nil
}

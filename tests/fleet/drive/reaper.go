package drive

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// reaper waits for all children of this process: those it started, and those it inherits because it is PID 1, which are the
// containers, whose parent is an engine that has ended.
type reaper struct {
	mu      sync.Mutex
	started *sync.Cond // a child was started, or PID 1 may have inherited one
	running map[int]chan syscall.WaitStatus
	ended   map[int]end // containers, by PID
	changed chan struct{}
}

type end struct {
	status syscall.WaitStatus
	at     time.Time
}

func newReaper() *reaper {
	r := &reaper{
		running: map[int]chan syscall.WaitStatus{}, ended: map[int]end{}, changed: make(chan struct{}, 1),
	}
	r.started = sync.NewCond(&r.mu)
	go r.loop()
	return r
}

func (r *reaper) loop() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		now := time.Now()
		r.mu.Lock()
		switch {
		case err == syscall.ECHILD:
			if len(r.running) == 0 {
				r.started.Wait()
			}
		case err != nil:
		case r.running[pid] != nil:
			r.running[pid] <- status
			delete(r.running, pid)
		default:
			r.ended[pid] = end{status, now}
			select {
			case r.changed <- struct{}{}:
			default:
			}
		}
		r.mu.Unlock()
	}
}

// run runs a program to its end, in the folder dir, with its output into the file log. It is not os/exec, whose Wait and a
// wait for all children take the status from each other.
func (r *reaper) run(log *os.File, dir, path string, args ...string) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	status := make(chan syscall.WaitStatus, 1)
	r.mu.Lock()
	pid, err := syscall.ForkExec(path, args, &syscall.ProcAttr{
		Dir: dir,
		// An engine keeps its temporary files in the tmpfs, too.
		Env:   []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir},
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
	})
	if err == nil {
		r.running[pid] = status
	}
	r.mu.Unlock()
	r.started.Signal()
	if err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	switch s := <-status; {
	case s.Signaled():
		return fmt.Errorf("%s was killed by %s", args[0], s.Signal())
	case s.ExitStatus() != 0:
		return fmt.Errorf("%s ended with status %d", args[0], s.ExitStatus())
	}
	return nil
}

// end returns how the container of a PID ended, if it did since it was started. PIDs come again: what ended before is one of
// the helpers that engines leave behind.
func (r *reaper) end(pid int, started time.Time) (end, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.ended[pid]
	return e, ok && e.at.After(started)
}

// Package proc observes processes from outside, through /proc, runs programs beside a test, and waits for what they do. It is
// written for Linux.
package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Deadline is how long anything that is awaited here may take before it counts as never happening. What is awaited
// takes microseconds; the rest is for machines that are busy with something else.
const Deadline = 10 * time.Second

// PID is a process, as the PID namespace of the caller numbers it.
type PID int

// A Stat is what the kernel knows of a process.
type Stat struct {
	State   string // one letter: R running, S sleeping, T stopped, t traced, Z dead but not waited for
	Used    string // CPU time, user and system, in clock ticks; times that it was taken off a CPU, by its own will and not
	Threads int
}

// Path returns the path of one of the process's files in /proc.
func (p PID) Path(name string) string { return filepath.Join("/proc", strconv.Itoa(int(p)), name) }

// Stat reads /proc/PID/stat and /proc/PID/status.
func (p PID) Stat() (Stat, error) {
	fields, err := p.stat()
	if err != nil {
		return Stat{}, err
	}
	status, err := p.Status()
	if err != nil {
		return Stat{}, err
	}
	threads, err := strconv.Atoi(status["Threads"])
	used := fmt.Sprintf("%s ticks, %s + %s switches", fields[14-3:16-3], status["voluntary_ctxt_switches"], status["nonvoluntary_ctxt_switches"])
	return Stat{State: fields[0], Used: used, Threads: threads}, err
}

// stat returns the fields of /proc/PID/stat from the state on, which is field 3 of proc(5).
func (p PID) stat() ([]string, error) {
	text, err := os.ReadFile(p.Path("stat"))
	if err != nil {
		return nil, err
	}
	// The name, in parentheses, may hold spaces and parentheses of its own.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return nil, fmt.Errorf("unexpected /proc/PID/stat: %s", text)
	}
	return fields, nil
}

// Status reads /proc/PID/status: values by name, without the colon, their words separated by single spaces.
func (p PID) Status() (map[string]string, error) { return p.table("status") }

// RSS returns the resident memory of the process in bytes: the sum over its page tables, not the kernel's running
// estimate, which is off by up to a few dozen pages a CPU.
func (p PID) RSS() (int64, error) { return p.rollup("Rss") }

// Anonymous returns the memory of the process in bytes that no file holds, as its heap and stacks; its part of what it shares.
func (p PID) Anonymous() (int64, error) { return p.rollup("Pss_Anon") }

// rollup returns a sum over the page tables of the process, in bytes.
func (p PID) rollup(name string) (int64, error) {
	sums, err := p.table("smaps_rollup")
	if err != nil {
		return 0, err
	}
	kb, err := strconv.ParseInt(strings.TrimSuffix(sums[name], " kB"), 10, 64)
	return kb << 10, err
}

// table reads a file of lines NAME: VALUE.
func (p PID) table(file string) (map[string]string, error) {
	text, err := os.ReadFile(p.Path(file))
	if err != nil {
		return nil, err
	}
	values := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		values[name] = strings.Join(strings.Fields(value), " ")
	}
	return values, nil
}

// Call returns the number and the arguments of the system call that the process is blocked in. Where it is in none, args is
// empty.
func (p PID) Call() (number uint64, args []uint64, err error) {
	text, err := os.ReadFile(p.Path("syscall"))
	if err != nil {
		return 0, nil, err
	}
	// "running", or the number, six arguments, stack pointer, and program counter; -1 is no call.
	fields := strings.Fields(string(text))
	if len(fields) < 7 {
		return 0, nil, nil
	}
	if number, err = strconv.ParseUint(fields[0], 10, 64); err != nil {
		return 0, nil, nil
	}
	for _, field := range fields[1:7] {
		arg, err := strconv.ParseUint(field, 0, 64)
		if err != nil {
			return 0, nil, err
		}
		args = append(args, arg)
	}
	return number, args, nil
}

// Named returns the processes of this PID namespace that have that name, of which the kernel keeps 15 characters (proc_pid_comm(5)).
func Named(name string) (pids []PID) {
	files, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, file := range files {
		comm, _ := os.ReadFile(file) // or it has ended
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && strings.TrimSpace(string(comm)) == name {
			pids = append(pids, PID(pid))
		}
	}
	return pids
}

// Descendants returns the process, its children, theirs, and so on, zombies included. For PID 1 of a PID namespace that is all
// of the namespace, because whoever loses its parent there becomes a child of PID 1.
func (p PID) Descendants() ([]PID, error) {
	// One look at all processes: somebody may get another parent between two looks at children.
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := make(map[PID][]PID)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		fields, err := PID(pid).stat()
		if err != nil {
			continue // ended meanwhile
		}
		parent, err := strconv.Atoi(fields[4-3])
		if err != nil {
			return nil, err
		}
		children[PID(parent)] = append(children[PID(parent)], PID(pid))
	}
	all := []PID{p}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// AwaitSleep waits until the process sleeps in one of the given system calls; anything else that it may do until then
// is its own affair. It is an error if the process ends, or if that takes longer than Deadline.
//
// A signal that PID 1 gets earlier is lost: the kernel keeps from it what it neither handles nor blocks.
func (p PID) AwaitSleep(calls ...uint64) error {
	return p.await("sleeps in its system call", func() (bool, error) {
		number, args, err := p.Call()
		return len(args) > 0 && slices.Contains(calls, number), err
	})
}

// AwaitIdle waits until every thread of the process has slept for 20 ms on end. That is how a program is known to be
// ready whose sleep may be in any system call; where the call is known, AwaitSleep is faster and exact.
func (p PID) AwaitIdle() error {
	const enough = 20 * time.Millisecond
	last, since := "", time.Now()
	return p.await("is idle", func() (bool, error) {
		tasks, err := filepath.Glob(p.Path("task/[0-9]*/status"))
		if err != nil {
			return false, err
		}
		now, asleep := "", true
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if err != nil {
				return false, nil // a thread that has ended meanwhile
			}
			for line := range strings.Lines(string(text)) {
				switch {
				case strings.HasPrefix(line, "State:"):
					asleep = asleep && strings.Contains(line, "S (")
				case strings.Contains(line, "ctxt_switches:"):
					now += line
				}
			}
		}
		if !asleep || now != last {
			last, since = now, time.Now()
			return false, nil
		}
		return time.Since(since) >= enough, nil
	})
}

// AwaitState waits until the process is in the state, as Stat has it.
func (p PID) AwaitState(state string) error {
	return p.await("is in state "+state, func() (bool, error) {
		stat, err := p.Stat()
		return err == nil && state == stat.State, err
	})
}

// AwaitDescendants waits until the process has exactly count descendants, zombies included.
func (p PID) AwaitDescendants(count int) error {
	last := -1
	err := p.await(fmt.Sprintf("has %d descendants", count), func() (bool, error) {
		all, err := p.Descendants()
		last = len(all) - 1
		return last == count, err
	})
	if err != nil {
		return fmt.Errorf("%w (it had %d last)", err, last)
	}
	return nil
}

// await polls until done says so, at first without a pause, then ever less often.
func (p PID) await(what string, done func() (bool, error)) error {
	end := time.Now().Add(Deadline)
	pause := 10 * time.Microsecond
	for tries := 0; ; tries++ {
		ok, err := done()
		if ok {
			return nil
		}
		if err != nil {
			return fmt.Errorf("process %d never %s: %w", p, what, err)
		}
		if tries < 50 {
			runtime.Gosched()
			continue
		}
		if stat, err := p.Stat(); err != nil || stat.State == "Z" {
			return fmt.Errorf("process %d ended before it %s", p, what)
		}
		if time.Now().After(end) {
			return fmt.Errorf("process %d never %s: %s", p, what, p.Describe())
		}
		time.Sleep(pause)
		pause = min(2*pause, 5*time.Millisecond)
	}
}

// Describe says what the process is doing, for error messages.
func (p PID) Describe() string {
	call, _ := os.ReadFile(p.Path("syscall"))
	stat, _ := p.Stat()
	return fmt.Sprintf("%+v, /proc/PID/syscall %q", stat, strings.TrimSpace(string(call)))
}

package pid1

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A Stat is what the kernel has counted for a process.
type Stat struct {
	State    string // one letter: R running, S sleeping, T stopped, t traced, Z dead but not waited for
	Ticks    uint64 // CPU time, user and system, in clock ticks (10 ms nearly everywhere)
	Switches uint64 // times that it was taken off a CPU, by its own will or not
	Threads  int
}

// Stat reads /proc/PID/stat and /proc/PID/status.
func (p *Process) Stat() (Stat, error) {
	fields, err := p.stat()
	if err != nil {
		return Stat{}, err
	}
	user, err := strconv.ParseUint(fields[14-3], 10, 64)
	if err != nil {
		return Stat{}, err
	}
	system, err := strconv.ParseUint(fields[15-3], 10, 64)
	if err != nil {
		return Stat{}, err
	}
	s := Stat{State: fields[0], Ticks: user + system}

	status, err := p.Status()
	if err != nil {
		return Stat{}, err
	}
	for _, key := range []string{"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"} {
		n, err := strconv.ParseUint(status[key], 10, 64)
		if err != nil {
			return Stat{}, fmt.Errorf("/proc/PID/status: %s: %w", key, err)
		}
		s.Switches += n
	}
	s.Threads, err = strconv.Atoi(status["Threads"])
	return s, err
}

// stat returns the fields of /proc/PID/stat from the state on, which is field 3 of proc(5).
func (p *Process) stat() ([]string, error) {
	text, err := os.ReadFile(p.proc("stat"))
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

// Status reads /proc/PID/status: values by name, without the colon.
func (p *Process) Status() (map[string]string, error) {
	text, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return nil, err
	}
	status := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		status[key] = strings.TrimSpace(value)
	}
	return status, nil
}

// SleepArguments returns the arguments of the system call that the process is blocked in.
func (p *Process) SleepArguments() ([6]uint64, error) {
	var args [6]uint64
	text, err := os.ReadFile(p.proc("syscall"))
	if err != nil {
		return args, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 7 {
		return args, fmt.Errorf("not in a system call: %s", text)
	}
	for i := range args {
		if args[i], err = strconv.ParseUint(fields[i+1], 0, 64); err != nil {
			return args, err
		}
	}
	return args, nil
}

// A Mapping is a line of /proc/PID/maps.
type Mapping struct {
	Range string // addresses, as printed
	Flags string // such as "r-xp"
	Name  string // a file, something in brackets, or empty for anonymous memory
}

// Maps reads /proc/PID/maps.
func (p *Process) Maps() ([]Mapping, error) {
	text, err := os.ReadFile(p.proc("maps"))
	if err != nil {
		return nil, err
	}
	var maps []Mapping
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			return nil, fmt.Errorf("unexpected line in /proc/PID/maps: %s", line)
		}
		maps = append(maps, Mapping{Range: fields[0], Flags: fields[1], Name: strings.Join(fields[5:], " ")})
	}
	return maps, nil
}

// RSS returns the resident memory of the process in bytes: the sum over its page tables, not the kernel's running
// estimate, which is off by up to a few dozen pages a CPU.
func (p *Process) RSS() (int64, error) {
	text, err := os.ReadFile(p.proc("smaps_rollup"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "Rss:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("/proc/PID/smaps_rollup has no Rss")
}

// A Member is a process of a PID namespace, seen from outside.
type Member struct {
	Pid   int
	State string // as in Stat
}

// Namespace returns the processes in the PID namespace of p, its PID 1: p itself and all its descendants, because
// whoever loses its parent there becomes a child of p. Zombies are included, also for a user who is not root: the kernel
// hides a zombie's link to its namespace from others, but not its parent.
func (p *Process) Namespace() ([]Member, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	states := make(map[int]string)
	children := make(map[int][]int)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		fields, err := (&Process{Pid: pid}).stat()
		if err != nil {
			continue // ended meanwhile
		}
		parent, err := strconv.Atoi(fields[4-3])
		if err != nil {
			return nil, err
		}
		states[pid] = fields[0]
		children[parent] = append(children[parent], pid)
	}
	var members []Member
	for next := []int{p.Pid}; len(next) > 0; next = next[1:] {
		if state, ok := states[next[0]]; ok {
			members = append(members, Member{Pid: next[0], State: state})
		}
		next = append(next, children[next[0]]...)
	}
	return members, nil
}

// AwaitChildren waits until the process has exactly count children, zombies included.
func (p *Process) AwaitChildren(count int) error {
	return p.await(fmt.Sprintf("has %d children", count), func() (bool, error) {
		text, err := os.ReadFile(p.proc("task/" + strconv.Itoa(p.Pid) + "/children"))
		return len(strings.Fields(string(text))) == count, err
	})
}

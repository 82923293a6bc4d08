package main

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// A demand is what a fleet will ask of the machine.
type demand struct {
	containers int
	threads    int  // of each container
	netns      bool // a network namespace each
	cgroup     bool // a cgroup each
	rootless   bool // in a user namespace
	pods       bool // a shim of containerd each
	// maxProcesses is the soft limit RLIMIT_NPROC; the kernel holds it against all processes of the container's user. 0: not
	// limited.
	maxProcesses uint64
	// largest is how many containers the largest fleet of the same command has.
	largest int
}

// memoryKB is an upper estimate of the memory in kB that each container takes: what was measured (docs/scale.md), and
// some more. One that is too low costs others their memory.
func (d demand) memoryKB() int64 {
	kb := int64(170)
	if d.threads > 1 { // a runtime, such as Go's
		kb = 1200
	}
	if d.netns {
		kb += 220
	}
	if d.cgroup {
		// A memory cgroup has a kB for each 64 file systems that the machine has had at a time, and a container has two: so a
		// small fleet pays for a large one as well (docs/scale.md).
		kb += 200 + 2*int64(d.largest)/64
	}
	if d.pods {
		kb += 4500
	}
	return kb
}

// shimThreads is how many threads a shim of containerd has, and some more.
const shimThreads = 16

// headroom is what must stay free beside the fleet: tasks for the engine and for whoever else works here.
const headroom = 200

// breaks reads the machine's limits below root, which has proc and sys as "/" has, and returns a line for each that the fleet
// would break: the limit, what is wanted, and how to raise it. A limit that cannot be read is not checked: older kernels lack
// some.
func (d demand) breaks(root fs.FS) (problems []string, err error) {
	number := func(name string) int64 {
		data, _ := fs.ReadFile(root, name)
		n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		if err != nil { // "max" is no limit, either
			return 1 << 62
		}
		return n
	}
	check := func(wanted, most int64, format string, args ...any) {
		if wanted > most {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	loadavg, err := fs.ReadFile(root, "proc/loadavg")
	if err != nil {
		return nil, err
	}
	var running int64
	if _, err := fmt.Sscanf(string(loadavg), "%f %f %f %d/%d", new(float64), new(float64), new(float64), new(int), &running); err != nil {
		return nil, fmt.Errorf("/proc/loadavg: %w", err)
	}
	tasks := int64(d.containers) * int64(d.threads)
	if d.pods {
		tasks += int64(d.containers) * shimThreads
	}
	for _, limit := range []string{"pid_max", "threads-max"} {
		most := number("proc/sys/kernel/" + limit)
		check(running+tasks+headroom, most, "kernel.%s is %d; %d tasks run, and the fleet has %d more: sysctl -w kernel.%s=%d, or a smaller --count",
			limit, most, running, tasks, limit, roundUp(running+tasks+headroom))
	}
	if most := int64(d.maxProcesses); most > 0 {
		check(tasks+headroom, most, "the limit of processes of a user is %d, and the fleet has %d: ulimit -u %d, or a smaller --count", most, tasks, roundUp(tasks+headroom))
	}
	namespaces := []string{"mnt", "pid", "ipc", "uts"}
	if d.netns {
		namespaces = append(namespaces, "net")
	}
	if d.rootless {
		namespaces = append(namespaces, "user")
	}
	for _, kind := range namespaces {
		name := "max_" + kind + "_namespaces"
		most, wanted := number("proc/sys/user/"+name), int64(d.containers)
		if kind == "user" {
			wanted = 1
		}
		check(wanted, most, "user.%s is %d, and the fleet has %d: sysctl -w user.%s=%d, or a smaller --count", name, most, wanted, name, roundUp(wanted))
	}
	if d.cgroup {
		// A memory cgroup has a 16-bit id, kept until its last page is gone.
		const most = 65535
		check(int64(d.containers)+headroom, most, "the kernel has %d memory cgroups, and the fleet has %d: --cgroup=false, or a smaller --count", most, d.containers)
	}
	for _, group := range pidsCgroups(root) {
		most, current := number(path.Join(group, "pids.max")), number(path.Join(group, "pids.current"))
		if current == 1<<62 {
			current = 0
		}
		check(current+tasks+headroom, most, "/%s/pids.max is %d; %d tasks are in it, and the fleet has %d more: raise it, or a smaller --count", group, most, current, tasks)
	}
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return nil, err
	}
	m, err := parseMemory(text)
	if err != nil {
		return nil, err
	}
	// A tenth stays free: below that, the kernel throws away what others have cached. The state of the engine is in memory, too.
	most := m["MemAvailable"] - m["MemTotal"]/10
	check(int64(d.containers)*d.memoryKB(), most, "%d MB of memory can be had, and the fleet takes about %d MB (%d kB a container, a tenth of "+
		"the machine stays free): a --count of at most %d", most/1024, int64(d.containers)*d.memoryKB()/1024, d.memoryKB(), max(0, most/d.memoryKB()))
	return problems, nil
}

// pidsCgroups returns the folders of the cgroups, from the caller's own up to the root, that can limit its tasks.
func pidsCgroups(root fs.FS) (folders []string) {
	data, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(data)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		base := map[string]string{"pids": "sys/fs/cgroup/pids", "": "sys/fs/cgroup"}[controllers]
		if base == "" {
			continue
		}
		for group = path.Clean("/" + group); ; group = path.Dir(group) {
			folders = append(folders, path.Join(base, group))
			if group == "/" {
				break
			}
		}
	}
	return folders
}

// roundUp gives advice that leaves some room.
func roundUp(n int64) int64 { return (n + n/10 + 999) / 1000 * 1000 }

// Package limits tells, before anything is started, what of a fleet would not fit on the machine.
package limits

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"example.com/pause/bench/fleet/meminfo"
)

// Need is what a fleet will ask for.
type Need struct {
	Containers int
	Threads    int   // of each container
	MemoryKB   int64 // of each container, an upper estimate, such as Estimate
	Netns      bool  // a network namespace each
	Cgroups    int   // cgroup hierarchies in which each container gets a cgroup; 0: none
	Rootless   bool  // in a user namespace
	// MaxProcesses is the soft limit RLIMIT_NPROC; the kernel holds it against all processes of the container's user.
	// 0: not limited.
	MaxProcesses uint64
}

// Estimate returns the memory in kB that each container may take, largest being the count of the largest fleet of the same
// command. It is what was measured (docs/figures/fleet.json), and some more: an estimate that is too low costs others their
// memory.
func (need Need) Estimate(largest int) int64 {
	kb := int64(170)
	if need.Threads > 1 { // a runtime, such as Go's
		kb = 1200
	}
	if need.Netns {
		kb += 220
	}
	if need.Cgroups > 0 {
		// A memory cgroup has a kB for each 64 file systems that the machine has had at a time, and a container has two: so a
		// small fleet pays for a large one as well (docs/scale.md).
		kb += 200 + 2*int64(largest)/64
	}
	return kb
}

// headroom is what must stay free beside the fleet: tasks for the engine and for whoever else works here.
const headroom = 200

// Check reads the machine's limits below root, which has proc and sys as "/" has, and returns a line for each that the
// fleet would break: the limit, what is wanted, and how to raise it. A limit that cannot be read is not checked: older
// kernels lack some.
func Check(root fs.FS, need Need) ([]string, error) {
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	number := func(name string) (int64, bool) {
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return 0, false
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		return n, err == nil // "max" is no limit
	}

	running, err := tasks(root)
	if err != nil {
		return nil, err
	}
	wanted := int64(need.Containers) * int64(need.Threads)
	for _, limit := range []string{"pid_max", "threads-max"} {
		if most, ok := number("proc/sys/kernel/" + limit); ok && running+wanted+headroom > most {
			problem("kernel.%s is %d; %d tasks run, and the fleet has %d more (%d containers of %d threads): "+
				"sysctl -w kernel.%s=%d, or a smaller --count", limit, most, running, wanted, need.Containers, need.Threads,
				limit, roundUp(running+wanted+headroom))
		}
	}
	if most := need.MaxProcesses; most != 0 && uint64(wanted+headroom) > most {
		problem("the limit of processes of a user is %d, and the fleet has %d: ulimit -u %d, or a smaller --count",
			most, wanted, roundUp(wanted+headroom))
	}
	namespaces := []string{"mnt", "pid", "ipc", "uts"}
	if need.Netns {
		namespaces = append(namespaces, "net")
	}
	if need.Rootless {
		namespaces = append(namespaces, "user")
	}
	for _, kind := range namespaces {
		name := "max_" + kind + "_namespaces"
		wanted := int64(need.Containers)
		if kind == "user" {
			wanted = 1
		}
		if most, ok := number("proc/sys/user/" + name); ok && wanted > most {
			problem("user.%s is %d, and the fleet has %d: sysctl -w user.%s=%d, or a smaller --count",
				name, most, wanted, name, roundUp(wanted))
		}
	}
	if need.Cgroups > 0 {
		// A memory cgroup has a 16-bit id, kept until its last page is gone.
		if most := int64(65535); int64(need.Containers)+headroom > most {
			problem("the kernel has %d memory cgroups, and the fleet has %d: --cgroup=false, or a smaller --count",
				most, need.Containers)
		}
	}
	for _, group := range pidsCgroups(root) {
		most, ok := number(path.Join(group, "pids.max"))
		if !ok {
			continue
		}
		current, _ := number(path.Join(group, "pids.current"))
		if current+wanted+headroom > most {
			problem("/%s/pids.max is %d; %d tasks are in it, and the fleet has %d more: raise it, or a smaller --count",
				group, most, current, wanted)
		}
	}
	if err := checkMemory(root, need, problem); err != nil {
		return nil, err
	}
	return problems, nil
}

// checkMemory checks what is available in memory, where the state of the engine is kept as well: no disk is used.
func checkMemory(root fs.FS, need Need, problem func(string, ...any)) error {
	f, err := root.Open("proc/meminfo")
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := meminfo.Parse(f)
	if err != nil {
		return err
	}
	// A tenth stays free: below that, the kernel throws away what others have cached.
	most := info["MemAvailable"] - info["MemTotal"]/10
	if wanted := int64(need.Containers) * need.MemoryKB; wanted > most {
		problem("%d MB of memory can be had, and the fleet takes about %d MB (%d kB a container, a tenth of the machine "+
			"stays free): a --count of at most %d", most/1024, wanted/1024, need.MemoryKB, max(0, most/need.MemoryKB))
	}
	return nil
}

// tasks returns how many tasks, which is processes and threads, the machine has: see /proc/loadavg in proc(5).
func tasks(root fs.FS) (int64, error) {
	data, err := fs.ReadFile(root, "proc/loadavg")
	if err != nil {
		return 0, err
	}
	if fields := strings.Fields(string(data)); len(fields) > 3 {
		if _, total, ok := strings.Cut(fields[3], "/"); ok {
			return strconv.ParseInt(total, 10, 64)
		}
	}
	return 0, fmt.Errorf("proc/loadavg: unexpected content %q", data)
}

// pidsCgroups returns the folders of the cgroups, from the caller's own up to the root, that can limit its tasks.
func pidsCgroups(root fs.FS) []string {
	data, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	var folders []string
	for line := range strings.Lines(string(data)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		base := ""
		switch {
		case fields[1] == "pids":
			base = "sys/fs/cgroup/pids"
		case fields[0] == "0" && fields[1] == "":
			base = "sys/fs/cgroup"
		default:
			continue
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
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

package main

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// memoryKB is an upper estimate of the memory in kB that each container takes: what was measured (docs/scale.md), and
// some more. One that is too low costs others their memory.
func (s spec) memoryKB() int64 {
	kb := int64(170)
	if s.Name == ordinaryGo {
		kb = 1200
	}
	if s.Netns {
		kb += 220
	}
	if s.Cgroup {
		// A memory cgroup has a kB for each 64 file systems that the machine has had at a time, and a container has two.
		kb += 350 + 2*int64(s.Count)/64
	}
	if s.Pods {
		kb += 4500
	}
	return kb
}

// tasks is how many tasks the fleet has at most, in the kernel's sense: threads.
func (s spec) tasks() int64 {
	each := 1
	if s.Name == ordinaryGo {
		each = 8
	}
	if s.Pods {
		each += 16 // a shim of containerd
	}
	return int64(s.Count * each)
}

// headroom is what must stay free beside the fleet: tasks for the engine and for whoever else works here.
const headroom = 200

// fits returns an error if the fleet would break limits of the machine, which are read below root, which has proc and sys as "/"
// has. It names each limit, what is wanted, and how to raise it. A limit that cannot be read is not checked: older kernels
// lack some.
func (s spec) fits(root fs.FS) error {
	const unlimited = 1 << 62
	number := func(name string) int64 {
		data, _ := fs.ReadFile(root, name)
		n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		if err != nil { // "max" is no limit, either
			return unlimited
		}
		return n
	}
	loadavg, err := fs.ReadFile(root, "proc/loadavg")
	if err != nil {
		return err
	}
	var running int64
	if _, err := fmt.Sscanf(string(loadavg), "%f %f %f %d/%d", new(float64), new(float64), new(float64), new(int), &running); err != nil {
		return fmt.Errorf("/proc/loadavg: %w", err)
	}
	var problems []string
	sysctl := func(name string, wanted int64) {
		if most := number("proc/sys/" + strings.ReplaceAll(name, ".", "/")); wanted > most {
			problems = append(problems, fmt.Sprintf("%s is %d, and %d are wanted: sysctl -w %s=%d", name, most, wanted, name, wanted))
		}
	}
	sysctl("kernel.pid_max", running+s.tasks()+headroom)
	sysctl("kernel.threads-max", running+s.tasks()+headroom)
	kinds := []string{"mnt", "pid", "ipc", "uts"}
	if s.Netns {
		kinds = append(kinds, "net")
	}
	for _, kind := range kinds {
		sysctl("user.max_"+kind+"_namespaces", int64(s.Count))
	}
	for _, group := range pidsCgroups(root) {
		most, current := number(path.Join(group, "pids.max")), number(path.Join(group, "pids.current"))
		if current == unlimited {
			current = 0
		}
		if wanted := current + s.tasks() + headroom; wanted > most {
			problems = append(problems, fmt.Sprintf("/%s/pids.max is %d, and %d are wanted: raise it", group, most, wanted))
		}
	}
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return err
	}
	m, err := parseMemory(text)
	if err != nil {
		return err
	}
	// A tenth stays free: below that, the kernel throws away what others have cached. The state of the engine is in memory, too.
	if most := m["MemAvailable"] - m["MemTotal"]/10; int64(s.Count)*s.memoryKB() > most {
		problems = append(problems, fmt.Sprintf("%d MB of memory can be had, and each takes about %d kB (a tenth of the machine stays free): "+
			"a --count of at most %d", most/1024, s.memoryKB(), max(0, most/s.memoryKB())))
	}
	if problems == nil {
		return nil
	}
	return fmt.Errorf("%d of %s would not fit here; use a smaller --count, or: %s", s.Count, s.Name, strings.Join(problems, "; "))
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

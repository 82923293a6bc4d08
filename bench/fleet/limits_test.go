package main

import (
	"maps"
	"strings"
	"testing"
	"testing/fstest"
)

// machine returns one with room for 1,000 containers, with some files replaced.
func machine(replaced map[string]string) fstest.MapFS {
	files := map[string]string{
		"proc/loadavg":                         "0.10 0.20 0.30 1/300 4711\n",
		"proc/meminfo":                         "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n",
		"proc/self/cgroup":                     "8:pids:/user/one\n4:memory:/\n0::/\n",
		"proc/sys/kernel/pid_max":              "32768\n",
		"proc/sys/kernel/threads-max":          "63000\n",
		"proc/sys/user/max_mnt_namespaces":     "31000\n",
		"proc/sys/user/max_net_namespaces":     "31000\n",
		"proc/sys/user/max_user_namespaces":    "31000\n",
		"sys/fs/cgroup/pids/user/pids.max":     "max\n",
		"sys/fs/cgroup/pids/user/one/pids.max": "20000\n",
	}
	maps.Copy(files, replaced)
	root := fstest.MapFS{}
	for name, content := range files {
		if content != "" {
			root[name] = &fstest.MapFile{Data: []byte(content)}
		}
	}
	return root
}

// The estimate is not below what was measured, in docs/scale.md and on other days.
func TestEstimate(t *testing.T) {
	for name, test := range map[string]struct {
		demand demand
		kb     int64 // measured
	}{
		"the image":                         {demand{threads: 1}, 106},
		"C with glibc":                      {demand{threads: 1}, 158},
		"Go":                                {demand{threads: 6}, 879},
		"network namespaces":                {demand{threads: 1, netns: true}, 302},
		"cgroups, and 10,000 before":        {demand{threads: 1, cgroup: true, largest: 10000}, 508},
		"10,000 with all":                   {demand{threads: 1, netns: true, cgroup: true, largest: 10000}, 766},
		"1,000 with all, and 10,000 before": {demand{threads: 1, netns: true, cgroup: true, largest: 10000}, 718},
		"pods":                              {demand{threads: 1, netns: true, cgroup: true, pods: true, largest: 100}, 4395},
		"1,000 pods":                        {demand{threads: 1, netns: true, cgroup: true, pods: true, largest: 1000}, 4650},
		"pods of Go":                        {demand{threads: 6, netns: true, cgroup: true, pods: true, largest: 100}, 5154},
	} {
		if got := test.demand.memoryKB(); got < test.kb || got > 2*test.kb {
			t.Errorf("%s: got %d kB; want %d or somewhat more", name, got, test.kb)
		}
	}
}

var thousand = demand{containers: 1000, threads: 1, netns: true, cgroup: true, maxProcesses: 31000}

// A fleet that fits has no problem, and limits that the kernel does not know are none. A machine that cannot be read is an
// error, not one without limits.
func TestFits(t *testing.T) {
	for missing, wrong := range map[string]bool{"": false, "proc/sys/kernel/threads-max": false, "proc/loadavg": true, "proc/meminfo": true} {
		problems, err := thousand.breaks(machine(map[string]string{missing: ""}))
		if len(problems) != 0 || (err != nil) != wrong {
			t.Errorf("without %q: got %q, %v", missing, problems, err)
		}
	}
}

// Each limit that the fleet would break is told, by its name, with what to do; and only that one.
func TestEachLimitIsChecked(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		need  func(*demand)
		want  []string
	}{
		"PIDs":                 {map[string]string{"proc/sys/kernel/pid_max": "1100"}, nil, []string{"sysctl -w kernel.pid_max="}},
		"threads of shims":     {map[string]string{"sys/fs/cgroup/pids/user/one/pids.max": "17000"}, func(d *demand) { d.pods = true }, []string{"pids.max is 17000"}},
		"PIDs, with what runs": {map[string]string{"proc/loadavg": "0 0 0 9/31700 1"}, nil, []string{"kernel.pid_max is 32768; 31700 tasks run"}},
		"threads":              {map[string]string{"proc/sys/kernel/threads-max": "1000"}, nil, []string{"sysctl -w kernel.threads-max="}},
		"processes of a user":  {nil, func(d *demand) { d.maxProcesses = 1000 }, []string{"ulimit -u "}},
		"mount namespaces":     {map[string]string{"proc/sys/user/max_mnt_namespaces": "999"}, nil, []string{"sysctl -w user.max_mnt_namespaces="}},
		"network namespaces":   {map[string]string{"proc/sys/user/max_net_namespaces": "999"}, nil, []string{"user.max_net_namespaces"}},
		"user namespaces":      {map[string]string{"proc/sys/user/max_user_namespaces": "0"}, func(d *demand) { d.rootless = true }, []string{"user.max_user_namespaces"}},
		"a cgroup's processes": {map[string]string{"sys/fs/cgroup/pids/user/one/pids.max": "500"}, nil, []string{"/sys/fs/cgroup/pids/user/one/pids.max is 500"}},
		"a parent's processes": {map[string]string{"sys/fs/cgroup/pids/user/pids.max": "500"}, nil, []string{"/sys/fs/cgroup/pids/user/pids.max is 500"}},
		"cgroups of version 2": {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/pids.max": "7"}, nil, []string{"/sys/fs/cgroup/a/pids.max is 7"}},
		"memory":               {map[string]string{"proc/meminfo": "MemTotal: 100000 kB\nMemAvailable: 136000 kB\n"}, nil, []string{"a --count of at most 213"}},
		"memory cgroups": {
			map[string]string{
				"proc/sys/kernel/pid_max": "", "proc/sys/kernel/threads-max": "", "proc/sys/user/max_mnt_namespaces": "",
				"proc/sys/user/max_net_namespaces": "", "proc/self/cgroup": "", "proc/meminfo": "MemTotal: 1 kB\nMemAvailable: 90000000 kB\n",
			},
			func(d *demand) { d.containers, d.maxProcesses = 65500, 0 },
			[]string{"--cgroup=false"},
		},
		"threads of a runtime": {map[string]string{"proc/self/cgroup": ""}, func(d *demand) { d.threads, d.maxProcesses = 40, 0 }, []string{"kernel.pid_max is 32768"}},
	} {
		d := thousand
		if test.need != nil {
			test.need(&d)
		}
		problems, err := d.breaks(machine(test.files))
		if err != nil || len(problems) != len(test.want) {
			t.Errorf("%s: got %q, %v; want problems with %q", name, problems, err, test.want)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(problems[i], want) {
				t.Errorf("%s: got %q, want one with %q", name, problems[i], want)
			}
		}
	}
}

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
		"proc/meminfo":                         "MemTotal: 8000000 kB\nMemAvailable: 6200000 kB\n",
		"proc/self/cgroup":                     "8:pids:/user/one\n4:memory:/\n0::/\n",
		"proc/sys/kernel/pid_max":              "32768\n",
		"proc/sys/kernel/threads-max":          "63000\n",
		"proc/sys/user/max_mnt_namespaces":     "31000\n",
		"proc/sys/user/max_net_namespaces":     "31000\n",
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

// The estimate is not below what was measured, in docs/scale.md and on other days, also after a fleet of 10,000.
func TestEstimate(t *testing.T) {
	for _, test := range []struct {
		fleet spec
		kb    int64 // measured
	}{
		{spec{}, 106},
		{spec{Name: "C, static glibc"}, 158},
		{spec{Name: ordinaryGo}, 879},
		{spec{Netns: true}, 302},
		{spec{Cgroup: true, Count: 1000}, 508},
		{spec{Netns: true, Cgroup: true, Count: 10000}, 766},
		{spec{Netns: true, Cgroup: true, Count: 1000}, 718},
		{spec{Netns: true, Cgroup: true, Pods: true, Count: 100}, 4395},
		{spec{Netns: true, Cgroup: true, Pods: true, Count: 1000}, 4650},
		{spec{Netns: true, Cgroup: true, Pods: true, Count: 100, Name: ordinaryGo}, 5154},
	} {
		if got := test.fleet.memoryKB(); got < test.kb || got > 2*test.kb {
			t.Errorf("%+v: got %d kB; want %d or somewhat more", test.fleet, got, test.kb)
		}
	}
}

// A fleet that fits has no problem, and limits that the kernel does not know are none. A machine that cannot be read is an
// error, not one without limits.
func TestFits(t *testing.T) {
	for missing, wrong := range map[string]bool{"": false, "proc/sys/kernel/threads-max": false, "proc/loadavg": true, "proc/meminfo": true} {
		if err := (spec{Count: 1000, Netns: true, Cgroup: true}).fits(machine(map[string]string{missing: ""})); (err != nil) != wrong {
			t.Errorf("without %q: got %v", missing, err)
		}
	}
}

// Each limit that the fleet would break is told, by its name, with what to do; and only that one.
func TestEachLimitIsChecked(t *testing.T) {
	for _, test := range []struct {
		file, content string
		pods          bool
		want          string
	}{
		{"proc/sys/kernel/pid_max", "1100", false, "sysctl -w kernel.pid_max=1500"},
		{"proc/loadavg", "0 0 0 9/31700 1", false, "kernel.pid_max is 32768, and 32900 are wanted"},
		{"proc/sys/kernel/threads-max", "1000", false, "sysctl -w kernel.threads-max=1500"},
		{"proc/sys/user/max_mnt_namespaces", "999", false, "sysctl -w user.max_mnt_namespaces=1000"},
		{"proc/sys/user/max_net_namespaces", "999", false, "user.max_net_namespaces"},
		{"sys/fs/cgroup/pids/user/one/pids.max", "500", false, "/sys/fs/cgroup/pids/user/one/pids.max is 500"},
		{"sys/fs/cgroup/pids/user/one/pids.max", "17000", true, "pids.max is 17000"}, // the threads of shims
		{"sys/fs/cgroup/pids/user/pids.max", "500", false, "/sys/fs/cgroup/pids/user/pids.max is 500"},
		{"sys/fs/cgroup/pids.max", "7", false, "/sys/fs/cgroup/pids.max is 7"}, // version 2
		{"proc/meminfo", "MemTotal: 100000 kB\nMemAvailable: 136000 kB\n", false, "a --count of at most 163"},
	} {
		err := spec{Count: 1000, Netns: true, Cgroup: true, Pods: test.pods}.fits(machine(map[string]string{test.file: test.content}))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), "; ") > 1 {
			t.Errorf("%s: %q: got %v; want a problem with %q", test.file, test.content, err, test.want)
		}
	}
}

package limits

import (
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
		"proc/sys/user/max_pid_namespaces":     "31000\n",
		"proc/sys/user/max_user_namespaces":    "31000\n",
		"sys/fs/cgroup/pids/user/pids.max":     "max\n",
		"sys/fs/cgroup/pids/user/one/pids.max": "20000\n",
	}
	for name, content := range replaced {
		files[name] = content
	}
	root := fstest.MapFS{}
	for name, content := range files {
		root[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return root
}

// The estimate is not below what was measured on other days, which the record of the last day does not have.
func TestEstimate(t *testing.T) {
	for name, test := range map[string]struct {
		need    Need
		largest int
		kb      int64 // measured
	}{
		"C with glibc":                      {Need{Threads: 1}, 1000, 158},
		"Go":                                {Need{Threads: 6}, 1000, 876},
		"10,000 with all":                   {Need{Threads: 1, Netns: true, Cgroups: 9}, 10000, 766},
		"1,000 with all, and 10,000 before": {Need{Threads: 1, Netns: true, Cgroups: 9}, 10000, 707},
	} {
		if got := test.need.Estimate(test.largest); got < test.kb || got > 2*test.kb {
			t.Errorf("%s: got %d kB; want %d or somewhat more", name, got, test.kb)
		}
	}
}

var thousand = Need{Containers: 1000, Threads: 1, MemoryKB: 130, Netns: true, Cgroups: 1, MaxProcesses: 31000}

// A fleet that fits has no problem, and limits that the kernel does not know are none.
func TestFits(t *testing.T) {
	without := machine(nil)
	delete(without, "proc/sys/kernel/threads-max")
	for _, root := range []fstest.MapFS{machine(nil), without} {
		if problems, err := Check(root, thousand); err != nil || len(problems) != 0 {
			t.Errorf("got %q, %v", problems, err)
		}
	}
}

// Each limit that the fleet would break is told, by its name, with what to do; and only that one.
func TestEachLimitIsChecked(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		need  func(*Need)
		want  []string
	}{
		"PIDs":                 {map[string]string{"proc/sys/kernel/pid_max": "1100"}, nil, []string{"sysctl -w kernel.pid_max="}},
		"PIDs, with what runs": {map[string]string{"proc/loadavg": "0 0 0 9/31700 1"}, nil, []string{"kernel.pid_max is 32768; 31700 tasks run"}},
		"threads":              {map[string]string{"proc/sys/kernel/threads-max": "1000"}, nil, []string{"sysctl -w kernel.threads-max="}},
		"threads of a runtime": {nil, func(n *Need) { n.Threads = 40 }, []string{"1000 containers of 40 threads"}},
		"processes of a user":  {nil, func(n *Need) { n.MaxProcesses = 1000 }, []string{"ulimit -u "}},
		"mount namespaces":     {map[string]string{"proc/sys/user/max_mnt_namespaces": "999"}, nil, []string{"sysctl -w user.max_mnt_namespaces="}},
		"network namespaces":   {map[string]string{"proc/sys/user/max_net_namespaces": "999"}, nil, []string{"user.max_net_namespaces"}},
		"user namespaces":      {map[string]string{"proc/sys/user/max_user_namespaces": "0"}, func(n *Need) { n.Rootless = true }, []string{"user.max_user_namespaces"}},
		"a cgroup's processes": {map[string]string{"sys/fs/cgroup/pids/user/one/pids.max": "500"}, nil, []string{"/sys/fs/cgroup/pids/user/one/pids.max is 500"}},
		"a parent's processes": {map[string]string{"sys/fs/cgroup/pids/user/pids.max": "500"}, nil, []string{"/sys/fs/cgroup/pids/user/pids.max is 500"}},
		"cgroups of version 2": {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/pids.max": "7"}, nil, []string{"/sys/fs/cgroup/a/pids.max is 7"}},
		"memory":               {map[string]string{"proc/meminfo": "MemTotal: 100000 kB\nMemAvailable: 36000 kB\n"}, nil, []string{"a --count of at most 200"}},
		"two at once":          {map[string]string{"proc/sys/kernel/pid_max": "1", "proc/sys/kernel/threads-max": "1"}, nil, []string{"pid_max", "threads-max"}},
	} {
		t.Run(name, func(t *testing.T) {
			need := thousand
			if test.need != nil {
				test.need(&need)
			}
			problems, err := Check(machine(test.files), need)
			if err != nil {
				t.Fatal(err)
			}
			if len(problems) < len(test.want) || name != "threads of a runtime" && len(problems) != len(test.want) {
				t.Fatalf("got %q, want problems with %q", problems, test.want)
			}
			for i, want := range test.want {
				if !strings.Contains(problems[i], want) {
					t.Errorf("got %q, want one with %q", problems[i], want)
				}
			}
		})
	}
}

// More memory cgroups than the kernel has are refused.
func TestMemoryCgroupsAreLimited(t *testing.T) {
	need := Need{Containers: 65500, Threads: 1, Cgroups: 1}
	root := machine(map[string]string{
		"proc/sys/kernel/pid_max": "4194304", "proc/sys/kernel/threads-max": "400000",
		"proc/sys/user/max_mnt_namespaces": "400000", "proc/sys/user/max_pid_namespaces": "400000", "proc/self/cgroup": "0::/\n",
	})
	problems, err := Check(root, need)
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0], "--cgroup=false") {
		t.Errorf("got %q, %v", problems, err)
	}
	need.Cgroups = 0
	if problems, err := Check(root, need); err != nil || len(problems) != 0 {
		t.Errorf("without cgroups: got %q, %v", problems, err)
	}
}

// A machine that cannot be read is an error, not one without limits.
func TestUnreadableMachine(t *testing.T) {
	for _, missing := range []string{"proc/loadavg", "proc/meminfo"} {
		root := machine(nil)
		delete(root, missing)
		if _, err := Check(root, thousand); err == nil {
			t.Errorf("without %s: no error", missing)
		}
	}
}

package machine

import (
	"testing"
	"testing/fstest"
)

// What /proc says is in the description; a CPU without a name is left out.
func TestRead(t *testing.T) {
	files := fstest.MapFS{
		"proc/sys/kernel/osrelease": {Data: []byte("6.1.2-3\n")},
		"proc/meminfo":              {Data: []byte("MemTotal:       16384 kB\nMemFree: 1 kB\n")},
		"proc/cpuinfo":              {Data: []byte("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nprocessor\t: 1\nmodel name\t: other\n")},
	}
	m, err := read(files)
	if err != nil || m.Kernel != "6.1.2-3" || m.MemoryKB != 16384 || m.CPU != "Some CPU @ 2 GHz" || m.CPUs < 1 {
		t.Errorf("got %+v, %v", m, err)
	}
	m.Architecture, m.CPUs = "amd64", 2
	if got, want := m.String(), "Linux 6.1.2-3, amd64, 2 CPUs (Some CPU @ 2 GHz), 16 MB"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	m.CPU = ""
	if got, want := m.String(), "Linux 6.1.2-3, amd64, 2 CPUs, 16 MB"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

// Where there is no /proc, or none of Linux, nothing is made up.
func TestReadRefuses(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"no /proc":  {},
		"no memory": {"proc/sys/kernel/osrelease": {Data: []byte("6.1\n")}},
		"odd": {
			"proc/sys/kernel/osrelease": {Data: []byte("6.1\n")},
			"proc/meminfo":              {Data: []byte("MemTotal: much\n")},
		},
	} {
		if m, err := read(files); err == nil {
			t.Errorf("%s: got %+v", name, m)
		}
	}
}

package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// Too many failures end a phase; the next one, such as deleting what was started, is done all the same.
func TestFailuresEndOnlyTheirPhase(t *testing.T) {
	f := &fleet{workers: 1}
	f.each("start", 100, func(worker, int) error { return errors.New("broken") })
	if f.failed != maxFailures || len(f.failures) != maxFailures {
		t.Errorf("%d failures, %d of them told; want %d", f.failed, len(f.failures), maxFailures)
	}
	deleted := 0
	f.each("delete", 50, func(worker, int) error { deleted++; return nil })
	if deleted != 50 {
		t.Errorf("%d of 50 were deleted", deleted)
	}
}

// Sizes are read in kB, and what is no size is left out; what is not /proc/meminfo is refused.
func TestParseMemory(t *testing.T) {
	m, err := parseMemory([]byte("MemTotal:       24684092 kB\nMemAvailable:   20000000 kB\nActive(anon):      10000 kB\nHugePages_Total:       3\n"))
	if _, ok := m["HugePages_Total"]; err != nil || ok || m["MemTotal"] != 24684092 || m["Active(anon)"] != 10000 {
		t.Errorf("got %v, %v", m, err)
	}
	for _, text := range []string{"", "MemTotal: 1 kB\n", "hello\n", "MemAvailable: many kB\n"} {
		if _, err := parseMemory([]byte(text)); err == nil || !strings.Contains(err.Error(), "no MemAvailable") {
			t.Errorf("%q: got error %v", text, err)
		}
	}
}

// What waits in the lists of all CPUs and zones is added up; high and low marks and other zones' figures are not.
func TestParseZones(t *testing.T) {
	const zones = `Node 0, zone   Normal
  pages free     4000000
        low      7000
  pagesets
    cpu: 0
              count:    300
              high:     13000
    cpu: 1
              count:    21
  vm stats threshold: 32
Node 0, zone  Movable
  pages free     0
  pagesets
    cpu: 0
              count:    4
`
	got, err := parseZones([]byte(zones))
	if want := int64(325 * os.Getpagesize() / 1024); err != nil || got != want {
		t.Errorf("got %d kB, %v; want %d", got, err, want)
	}
	if _, err := parseZones(nil); err == nil {
		t.Error("nothing: no error")
	}
}

// The cost is what each of n took of what was available, on the lists of CPUs too, and added to each component.
func TestCost(t *testing.T) {
	c := cost(100,
		memory{"MemAvailable": 5000, onLists: 900, "AnonPages": 100, "Shmem": 7},
		memory{"MemAvailable": 1800, onLists: 100, "AnonPages": 850, "Shmem": 7, "KernelStack": 1600})
	want := map[string]float64{"AnonPages": 7.5, "KernelStack": 16}
	for _, name := range Components {
		if c.Components[name] != want[name] {
			t.Errorf("%s: got %v, want %v", name, c.Components[name], want[name])
		}
	}
	if c.Available != 40 {
		t.Errorf("available: got %v, want 40", c.Available)
	}
}

package meminfo

import (
	"os"
	"strings"
	"testing"
)

const before = `MemTotal:       24684092 kB
MemAvailable:   20000000 kB
AnonPages:         10000 kB
KernelStack:        1600 kB
HugePages_Total:       3
`

// Sizes are read in kB, and what is no size is left out.
func TestParseReadsSizes(t *testing.T) {
	info, err := Parse(strings.NewReader(before))
	if err != nil {
		t.Fatal(err)
	}
	if info["MemTotal"] != 24684092 || info["KernelStack"] != 1600 {
		t.Errorf("got %v", info)
	}
	if _, ok := info["HugePages_Total"]; ok {
		t.Error("a number of pages passes for kB")
	}
}

// What is not /proc/meminfo is refused, with the line that is wrong.
func TestParseRefusesOtherText(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "no MemAvailable",
		"MemTotal: 1 kB\n":                 "no MemAvailable",
		"hello\n":                          `"hello"`,
		"MemTotal: many kB\n":              "MemTotal",
		"MemAvailable: 1 kB\nAnonPages:\n": `"AnonPages:"`,
	} {
		if _, err := Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %s", text, err, want)
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
	got, err := ParseZones(strings.NewReader(zones))
	if want := int64(325 * os.Getpagesize() / 1024); err != nil || got != want {
		t.Errorf("got %d kB, %v; want %d", got, err, want)
	}
	for text, want := range map[string]string{"": "no pagesets", "pagesets\ncount: many\n": `" many"`} {
		if _, err := ParseZones(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %s", text, err, want)
		}
	}
}

// The cost is what each of n took of what was available, on the lists of CPUs too, and added to each component.
func TestPerDividesTheDifference(t *testing.T) {
	cost := Per(100,
		Info{"MemAvailable": 5000, onLists: 900, "AnonPages": 100, "Shmem": 7},
		Info{"MemAvailable": 1800, onLists: 100, "AnonPages": 850, "Shmem": 7, "KernelStack": 1600})
	if cost.Available != 40 {
		t.Errorf("available: got %v, want 40", cost.Available)
	}
	want := map[string]float64{"AnonPages": 7.5, "KernelStack": 16}
	for _, name := range Components {
		if cost.Components[name] != want[name] {
			t.Errorf("%s: got %v, want %v", name, cost.Components[name], want[name])
		}
	}
}

// This machine's own figures can be read.
func TestReadThisMachine(t *testing.T) {
	info, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	if info["MemTotal"] < info["MemAvailable"] || info["MemAvailable"] <= 0 {
		t.Errorf("%d kB of %d kB available", info["MemAvailable"], info["MemTotal"])
	}
}

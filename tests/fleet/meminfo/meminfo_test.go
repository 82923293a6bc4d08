package meminfo

import (
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

// The cost is what each of n took of what was available, and added to each component.
func TestPerDividesTheDifference(t *testing.T) {
	cost := Per(100,
		Info{"MemAvailable": 5000, "AnonPages": 100, "Shmem": 7},
		Info{"MemAvailable": 1000, "AnonPages": 850, "Shmem": 7, "KernelStack": 1600})
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

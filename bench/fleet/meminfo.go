package main

import (
	"errors"
	"os"
	"regexp"
	"strconv"
)

// A memory maps the names of /proc/meminfo to kB. What has no unit there, such as HugePages_Total, is left out.
type memory map[string]int64

// onLists is the name, in a memory, of what waits in each CPU's own lists of free pages (/proc/zoneinfo, "pagesets"). It is
// as free as any, but MemFree and MemAvailable do not count it. A process that ends leaves its pages there, hundreds of
// megabytes on an idle machine, and the next one takes them from there: by MemAvailable alone, it would cost next to nothing.
const onLists = "free, on a CPU's list"

var (
	sizeLine  = regexp.MustCompile(`(?m)^(\S+):\s+(\d+) kB$`)
	countLine = regexp.MustCompile(`(?m)^\s+count:\s+(\d+)$`)
)

// parseMemory reads the format of /proc/meminfo.
func parseMemory(text []byte) (memory, error) {
	m := memory{}
	for _, line := range sizeLine.FindAllSubmatch(text, -1) {
		m[string(line[1])], _ = strconv.ParseInt(string(line[2]), 10, 64) // they are digits
	}
	if _, ok := m["MemAvailable"]; !ok {
		return nil, errors.New("/proc/meminfo has no MemAvailable: Linux 3.14 or newer is needed")
	}
	return m, nil
}

// parseZones returns the memory that waits in each CPU's lists of free pages, in kB, from the format of /proc/zoneinfo.
func parseZones(text []byte) (int64, error) {
	lines := countLine.FindAllSubmatch(text, -1)
	if lines == nil {
		return 0, errors.New("/proc/zoneinfo has no count in its pagesets")
	}
	var pages int64
	for _, line := range lines {
		count, _ := strconv.ParseInt(string(line[1]), 10, 64) // they are digits
		pages += count
	}
	return pages * int64(os.Getpagesize()) / 1024, nil
}

// readMemory reads /proc/meminfo and /proc/zoneinfo.
func readMemory() (memory, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return nil, err
	}
	zones, err := os.ReadFile("/proc/zoneinfo")
	if err != nil {
		return nil, err
	}
	m, err := parseMemory(text)
	if err != nil {
		return nil, err
	}
	m[onLists], err = parseZones(zones)
	return m, err
}

// available returns how much memory programs can still get, in kB.
func (m memory) available() int64 { return m["MemAvailable"] + m[onLists] }

// cost returns what each of n containers cost, if nothing else changed between the two readings. n must be positive.
func cost(n int, before, after memory) Cost {
	each := func(kb int64) float64 { return float64(kb) / float64(n) }
	c := Cost{Available: each(before.available() - after.available()), Components: map[string]float64{}}
	for _, name := range Components {
		c.Components[name] = each(after[name] - before[name])
	}
	return c
}

// Package meminfo reads what the kernel says of its memory, and tells what a number of containers cost, component by component.
package meminfo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Info maps the names of /proc/meminfo to kB. What has no unit there, such as HugePages_Total, is left out.
type Info map[string]int64

// Components are the parts that a sleeping container can be made of, in the order in which plots stack them; see
// proc_meminfo(5). They overlap in nothing, but do not add up to the difference of what is available: that counts about half of
// SReclaimable as available, and whatever else the machine does meanwhile.
var Components = []string{"SUnreclaim", "PageTables", "KernelStack", "SReclaimable", "AnonPages", "Shmem", "Percpu"}

// Parse reads the format of /proc/meminfo.
func Parse(r io.Reader) (Info, error) {
	info := Info{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, rest, ok := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(rest)
		if !ok || len(fields) == 0 {
			return nil, fmt.Errorf("meminfo: not NAME: VALUE: %q", lines.Text())
		}
		value, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("meminfo: %s: %q is not a number", name, fields[0])
		}
		if len(fields) == 2 && fields[1] == "kB" {
			info[name] = value
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("meminfo: %w", err)
	}
	if _, ok := info["MemAvailable"]; !ok {
		return nil, fmt.Errorf("meminfo: no MemAvailable: Linux 3.14 or newer is needed")
	}
	return info, nil
}

// onLists is the name, in an Info, of the memory that waits in each CPU's own lists of free pages (/proc/zoneinfo,
// "pagesets"). It is as free as any, but MemFree and MemAvailable do not count it. A process that ends leaves its pages
// there, hundreds of megabytes on an idle machine, and the next one takes them from there: by MemAvailable alone, it would
// cost next to nothing.
const onLists = "free, on a CPU's list"

// ParseZones returns the memory that waits in each CPU's lists of free pages, in kB, from the format of /proc/zoneinfo.
func ParseZones(r io.Reader) (int64, error) {
	var pages int64
	pagesets := false
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, rest, ok := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		pagesets = pagesets || name == "pagesets"
		if !ok || name != "count" {
			continue
		}
		count, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("zoneinfo: count: %q is not a number", rest)
		}
		pages += count
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("zoneinfo: %w", err)
	}
	if !pagesets {
		return 0, errors.New("zoneinfo: no pagesets")
	}
	return pages * int64(os.Getpagesize()) / 1024, nil
}

// Read reads /proc/meminfo and /proc/zoneinfo.
func Read() (Info, error) {
	memory, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return nil, err
	}
	zones, err := os.ReadFile("/proc/zoneinfo")
	if err != nil {
		return nil, err
	}
	info, err := Parse(bytes.NewReader(memory))
	if err != nil {
		return nil, err
	}
	info[onLists], err = ParseZones(bytes.NewReader(zones))
	return info, err
}

// Available returns how much memory programs can still get, in kB: MemAvailable and what waits in each CPU's lists.
func (i Info) Available() int64 { return i["MemAvailable"] + i[onLists] }

// Cost is the memory that one container takes, in kB.
type Cost struct {
	// Available is how much Info.Available fell: the figure to plan with.
	Available float64 `json:"available_kb"`
	// Components are the increases of what Components names.
	Components map[string]float64 `json:"components_kb"`
}

// Per returns what each of n containers cost, if nothing else changed between the two readings. n must be positive.
func Per(n int, before, after Info) Cost {
	cost := Cost{Components: map[string]float64{}}
	cost.Available = float64(before.Available()-after.Available()) / float64(n)
	for _, name := range Components {
		cost.Components[name] = float64(after[name]-before[name]) / float64(n)
	}
	return cost
}

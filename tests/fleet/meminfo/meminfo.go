// Package meminfo reads /proc/meminfo and tells what a number of containers cost, component by component.
package meminfo

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Info maps the names of /proc/meminfo to kB. What has no unit there, such as HugePages_Total, is left out.
type Info map[string]int64

// Components are the parts that a sleeping container can be made of, in the order in which plots stack them; see
// proc_meminfo(5). They overlap in nothing, but do not add up to the difference of MemAvailable: that counts about half of
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

// Read reads /proc/meminfo.
func Read() (Info, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Parse(f)
}

// Cost is the memory that one container takes, in kB.
type Cost struct {
	// Available is how much MemAvailable fell: the figure to plan with.
	Available float64 `json:"available_kb"`
	// Components are the increases of what Components names.
	Components map[string]float64 `json:"components_kb"`
}

// Per returns what each of n containers cost, if nothing else changed between the two readings. n must be positive.
func Per(n int, before, after Info) Cost {
	cost := Cost{Components: map[string]float64{}}
	cost.Available = float64(before["MemAvailable"]-after["MemAvailable"]) / float64(n)
	for _, name := range Components {
		cost.Components[name] = float64(after[name]-before[name]) / float64(n)
	}
	return cost
}

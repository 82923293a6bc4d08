// Package machine says what a measurement was made on, so that its figures can be judged.
package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine describes a machine that runs Linux.
type Machine struct {
	Kernel       string `json:"kernel"`       // its release, as uname -r prints it
	Architecture string `json:"architecture"` // as in GOARCH
	CPUs         int    `json:"cpus"`
	CPU          string `json:"cpu,omitempty"` // the model, where /proc/cpuinfo has one
	MemoryKB     int64  `json:"memory_kb"`
}

// String describes the machine in a line.
func (m Machine) String() string {
	cpu := ""
	if m.CPU != "" {
		cpu = " (" + m.CPU + ")"
	}
	return fmt.Sprintf("Linux %s, %s, %d CPUs%s, %d MB", m.Kernel, m.Architecture, m.CPUs, cpu, m.MemoryKB/1024)
}

// This returns the machine that the program runs on. It is an error if that has no /proc of Linux.
func This() (Machine, error) { return read(os.DirFS("/")) }

// read is This with the files below root.
func read(root fs.FS) (Machine, error) {
	m := Machine{Architecture: runtime.GOARCH, CPUs: runtime.NumCPU()}
	release, err := fs.ReadFile(root, "proc/sys/kernel/osrelease")
	if err != nil {
		return m, err
	}
	m.Kernel = string(bytes.TrimSpace(release))
	memory, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return m, err
	}
	total := strings.TrimSuffix(value(memory, "MemTotal"), " kB")
	if m.MemoryKB, err = strconv.ParseInt(total, 10, 64); err != nil {
		return m, errors.New("/proc/meminfo has no MemTotal in kB")
	}
	// Not every architecture names a model, and a machine without the file is described well enough.
	if info, err := fs.ReadFile(root, "proc/cpuinfo"); err == nil {
		m.CPU = value(info, "model name")
	}
	return m, nil
}

// value returns what follows the colon of the first line that begins with name, or "".
func value(content []byte, name string) string {
	for line := range strings.Lines(string(content)) {
		if key, rest, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// State is the state of a machine before a measurement.
type State struct {
	Machine Machine `json:"machine"`
	Load    string  `json:"load"` // as of Load
}

// Now returns the state of this machine. It is an error if that has no /proc of Linux.
func Now() (State, error) {
	m, err := This()
	if err != nil {
		return State{}, err
	}
	load, err := Load()
	return State{Machine: m, Load: load}, err
}

// String describes the state in a line.
func (s State) String() string { return fmt.Sprintf("%s, load %s", s.Machine, s.Load) }

// Load returns how many processes wanted a CPU in the last minute, as the first figure of /proc/loadavg: what a
// measurement has to share the machine with, if it is taken before.
func Load() (string, error) {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "", err
	}
	load, _, _ := strings.Cut(string(content), " ")
	return load, nil
}

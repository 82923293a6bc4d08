package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	cache "example.com/pause/bench/cache/report"
	coldbuild "example.com/pause/bench/coldbuild/report"
	"example.com/pause/bench/figures/prose"
	fleet "example.com/pause/bench/fleet/report"
	"example.com/pause/bench/latency/stop"
)

// A measurement is what takes a quiet machine and minutes, so that its outcome is kept: as JSON, with a description of the
// machine.
type measurement struct {
	name    string
	target  string   // the command that measures, as a label
	flags   []string // what it is given besides --json=FILE
	summary string   // for the usage
	check   func(data []byte) error
}

// measurements are in the order in which they are made.
var measurements = []measurement{
	{
		"latency", "//bench/latency", nil, "from SIGTERM to exit; seconds, and a C compiler for the comparison",
		func(data []byte) error { _, err := stop.Parse(data); return err },
	},
	{
		"build", "//bench/coldbuild", nil, "building from nothing; tens of minutes, and 4 GB of disk",
		func(data []byte) error { _, err := coldbuild.Parse(data); return err },
	},
	{
		"fleet", "//bench/fleet",
		[]string{"--count=10000", "--compare"},
		"10,000 containers; minutes, crun and root",
		func(data []byte) error { _, err := fleet.Parse(data); return err },
	},
	{
		"cache", "//bench/cache", nil, "builds with a remote cache; tens of minutes, nginx",
		func(data []byte) error { _, err := cache.Parse(data); return err },
	},
}

// file is where the outcome is kept, below the root of the checkout.
func (m measurement) file() string { return "docs/figures/" + m.name + ".json" }

// command is how a reader measures it again.
func (m measurement) command() string { return "bazel run //:figures -- --measure=" + m.name }

// measured returns the measurement of that name.
func measured(name string) (measurement, bool) {
	for _, m := range measurements {
		if m.name == name {
			return m, true
		}
	}
	return measurement{}, false
}

// names lists the measurements for people.
func names() string {
	var all []string
	for _, m := range measurements {
		all = append(all, m.name)
	}
	return strings.Join(all, ", ")
}

// stored is what was measured before; nil is what was not.
type stored struct {
	latency *stop.Report
	build   *coldbuild.Report
	fleet   *fleet.Report
	cache   *cache.Report
}

// readStored reads what is kept below root.
func readStored(root fs.FS) (stored, error) {
	var s stored
	err := errors.Join(
		readOne(root, "latency", &s.latency, stop.Parse),
		readOne(root, "build", &s.build, coldbuild.Parse),
		readOne(root, "fleet", &s.fleet, fleet.Parse),
		readOne(root, "cache", &s.cache, cache.Parse),
	)
	return s, err
}

func readOne[R any](root fs.FS, name string, into **R, parse func([]byte) (R, error)) error {
	m, _ := measured(name)
	data, err := fs.ReadFile(root, m.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r, err := parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", m.file(), err)
	}
	*into = &r
	return nil
}

// text is a block of what a command printed, or a line that it has not been measured yet.
func text[R any](name string, r *R, show func(R, io.Writer) error) (string, error) {
	m, _ := measured(name)
	if r == nil {
		return fmt.Sprintf("Not measured yet: `%s` does it.", m.command()), nil
	}
	var out strings.Builder
	if err := show(*r, &out); err != nil {
		return "", fmt.Errorf("%s: %w", m.file(), err)
	}
	var b strings.Builder
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			line = "    " + line
		}
		b.WriteString(line + "\n")
	}
	return b.String(), nil
}

// ours is the name of this program in reports.
const ours = "pause"

// outdated has a line for each measurement that was made with another program than b has.
func (s stored) outdated(b *build) (problems []string) {
	check := func(name, arch string, bytes int64) {
		m, _ := measured(name)
		for _, p := range b.programs {
			if p.arch == arch && p.elf != bytes {
				problems = append(problems, fmt.Sprintf("%s: measured with a program of %d bytes, and the build gives one of %d; measure again: %s",
					m.file(), bytes, p.elf, m.command()))
			}
		}
	}
	if s.latency != nil {
		for _, p := range s.latency.Programs {
			if p.Name == ours {
				check("latency", s.latency.Machine.Architecture, p.BinaryBytes)
			}
		}
	}
	if s.fleet != nil {
		for _, r := range s.fleet.Runs {
			if r.Name == ours {
				check("fleet", s.fleet.Machine.Architecture, r.BinaryBytes)
			}
		}
	}
	return slices.Compact(problems)
}

// figures are the sizes that documents may quote.
func (s stored) figures() []prose.Figure {
	var all []prose.Figure
	kb := func(v float64, format string, args ...any) {
		all = append(all, prose.Figure{Bytes: v * 1024, What: fmt.Sprintf(format, args...), Measured: true})
	}
	if s.latency != nil {
		for _, p := range s.latency.Programs {
			kb(float64(p.RSSKB), "resident, %s", p.Name)
		}
	}
	if s.fleet != nil {
		for _, r := range s.fleet.Runs {
			kb(float64(r.RSSKB), "resident, %s", r.Label())
			kb(r.Memory.Available, "memory of a container, %s", r.Label())
			for name, v := range r.Memory.Components {
				kb(v, "%s of a container, %s", name, r.Label())
			}
			// Of this program, only what the build gives now.
			if r.Name != ours {
				all = append(all, prose.Figure{Bytes: float64(r.BinaryBytes), What: "the program, " + r.Label()})
			}
		}
	}
	return all
}

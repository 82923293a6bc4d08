// Package report holds what builds from cold measured, and shows it: as JSON and as text.
package report

import (
	"fmt"
	"io"
	"slices"

	"example.com/pause/bench/lib/machine"
	"example.com/pause/bench/lib/record"
	"example.com/pause/bench/lib/table"
)

// A Report is the result of one run.
type Report struct {
	machine.State
	Rounds int `json:"rounds"`
	// Builds are side by side; the first is what the ratio is of.
	Builds []Build `json:"builds"`
}

// A Build is one target, built from cold and with nothing to do. Times are wall-clock seconds of the whole command, the start
// of Bazel's server included when cold.
type Build struct {
	Name    string    `json:"name"`
	Target  string    `json:"target"`
	Actions int       `json:"actions"` // that ran a process
	Cold    []float64 `json:"cold_seconds"`
	Idle    []float64 `json:"idle_seconds"`
}

// Median returns the median of values, NaN-free: 0 if there is none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// Ratio returns the median time from cold of the first build divided by that of the last.
func (r Report) Ratio() float64 {
	return Median(r.Builds[0].Cold) / Median(r.Builds[len(r.Builds)-1].Cold)
}

// Text writes the report for people. It needs at least one build, with at least one time each.
func (r Report) Text(out io.Writer) error {
	rows := [][]string{{"build", "target", "actions", "cold, s", "nothing to do, s"}}
	for _, b := range r.Builds {
		rows = append(rows, []string{
			b.Name, b.Target, fmt.Sprint(b.Actions), fmt.Sprintf("%.1f", Median(b.Cold)), fmt.Sprintf("%.2f", Median(b.Idle)),
		})
	}
	rows = append(rows, nil, []string{"ratio", "", "", fmt.Sprintf("%.2f", r.Ratio())})
	if _, err := fmt.Fprintf(out, "%s; medians of %d\n\n", r.State, r.Rounds); err != nil {
		return err
	}
	return table.Write(out, rows)
}

// JSON writes the report for programs.
func (r Report) JSON(w io.Writer) error { return record.Write(w, r) }

// Parse reads what JSON wrote. It has one build or more, each with a time.
func Parse(data []byte) (Report, error) {
	return record.Parse(data, "bench/coldbuild", func(r Report) string {
		if len(r.Builds) == 0 || slices.ContainsFunc(r.Builds, func(b Build) bool { return len(b.Cold) == 0 }) {
			return "build, or one without a time"
		}
		return ""
	})
}

// Package lib is what the benchmarks share: what a measurement was made on, percentiles, tables, progress on a
// terminal, ordinary C programs to compare with, and sizes.
package lib

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Machine describes this machine in a line, with its load: figures have to be judged by it. Without the /proc of Linux it
// is an error.
func Machine() (string, error) { return machine(os.DirFS("/")) }

var model = regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`)

// machine is Machine with the files below root.
func machine(root fs.FS) (string, error) {
	release, err := fs.ReadFile(root, "proc/sys/kernel/osrelease")
	memory, noMemory := fs.ReadFile(root, "proc/meminfo")
	load, noLoad := fs.ReadFile(root, "proc/loadavg")
	if err := errors.Join(err, noMemory, noLoad); err != nil {
		return "", err
	}
	var kb int64
	if _, err := fmt.Sscanf(string(memory), "MemTotal: %d kB", &kb); err != nil {
		return "", fmt.Errorf("/proc/meminfo does not begin with MemTotal in kB: %w", err)
	}
	average, _, _ := strings.Cut(string(load), " ")
	cpu := ""
	// Not every architecture names a model.
	info, _ := fs.ReadFile(root, "proc/cpuinfo")
	if name := model.FindSubmatch(info); name != nil {
		cpu = " (" + string(name[1]) + ")"
	}
	return fmt.Sprintf("Linux %s, %s, %d CPUs%s, %d MB, load %s",
		strings.TrimSpace(string(release)), runtime.GOARCH, runtime.NumCPU(), cpu, kb/1024, average), nil
}

// Percentile returns the smallest of values, which may be in any order, that at least percent of a hundred of them do not
// exceed (the nearest rank), and 0 if there are none.
func Percentile[T cmp.Ordered](values []T, percent float64) (p T) {
	if len(values) == 0 {
		return p
	}
	rank := int(math.Ceil(percent * float64(len(values)) / 100))
	return slices.Sorted(slices.Values(values))[max(rank, 1)-1]
}

// Median returns the 50th percentile of values.
func Median[T cmp.Ordered](values []T) T { return Percentile(values, 50) }

// Table prints rows in columns, the first flush left and the others flush right. An empty row is an empty line.
func Table(w io.Writer, rows [][]string) error {
	first := 0
	for _, row := range rows {
		if len(row) > 0 {
			first = max(first, len(row[0]))
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 0, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		for i, cell := range row {
			if i == 0 {
				fmt.Fprintf(t, "%-*s", first, cell)
			} else {
				fmt.Fprintf(t, "\t  %s", cell)
			}
		}
		if len(row) > 1 {
			fmt.Fprint(t, "\t")
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// Thousands writes n, which is not negative, with a comma between each three digits.
func Thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Progress shows on a terminal how many of total steps are done, as Set says, and what they are; anywhere else it shows
// nothing. With a total of -1 it shows the seconds that have passed. Finish takes it away; nothing else may be written to
// the terminal before.
func Progress(what string, total int) *progressbar.ProgressBar {
	info, err := os.Stderr.Stat()
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetVisibility(err == nil && info.Mode()&os.ModeCharDevice != 0),
		progressbar.OptionSetDescription(what), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetSpinnerChangeInterval(time.Second), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetRenderBlankState(true), progressbar.OptionClearOnFinish())
}

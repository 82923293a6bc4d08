package stop

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"example.com/pause/bench/lib/machine"
	"example.com/pause/bench/lib/percentile"
	"example.com/pause/bench/lib/record"
	"example.com/pause/bench/lib/table"
)

// A Report is the outcome of one command.
type Report struct {
	machine.State
	// Programs has pause first, then those that it is compared with.
	Programs []Summary `json:"programs"`
}

// A Summary is what is told of a program.
type Summary struct {
	Name string `json:"name"`
	// BinaryBytes is the size of the program's file, 0 in records from before it was kept.
	BinaryBytes int64 `json:"binary_bytes,omitempty"`

	Runs     int     `json:"runs"`
	Failed   int     `json:"failed"`    // runs that did not end with status 0; the times are of the others
	MedianUS float64 `json:"median_us"` // from SIGTERM to the end of the process, in microseconds, to a tenth
	P95US    float64 `json:"p95_us"`
	Threads  int     `json:"threads"` // while asleep
	RSSKB    int64   `json:"rss_kb"`  // while asleep
}

// Summarize sums up the runs of a program of that many bytes, of which took has the durations, ascending, that ended with
// status 0.
func Summarize(name string, took []time.Duration, failed, threads int, rss, bytes int64) Summary {
	return Summary{
		Name: name, BinaryBytes: bytes, Runs: len(took) + failed, Failed: failed, Threads: threads, RSSKB: rss >> 10,
		MedianUS: micro(percentile.Of(took, 50)), P95US: micro(percentile.Of(took, 95)),
	}
}

// micro is d in microseconds, to a tenth.
func micro(d time.Duration) float64 { return math.Round(float64(d)/100) / 10 }

// Text writes the report for people: the machine, and a table with the medians as multiples of the first one's.
func (r Report) Text(out io.Writer) error {
	if _, err := fmt.Fprintf(out, "%s\n\n", r.State); err != nil {
		return err
	}
	rows := [][]string{{"SIGTERM to exit, as PID 1", "runs", "failed", "median us", "95 % us", "times the first", "threads", "RSS kB"}}
	for _, p := range r.Programs {
		ratio := "-"
		if first := r.Programs[0].MedianUS; first > 0 && p.MedianUS > 0 {
			ratio = strconv.FormatFloat(p.MedianUS/first, 'f', 2, 64)
		}
		rows = append(rows, []string{
			p.Name, strconv.Itoa(p.Runs), strconv.Itoa(p.Failed), whole(p.MedianUS), whole(p.P95US), ratio, strconv.Itoa(p.Threads), table.Thousands(p.RSSKB),
		})
	}
	return table.Write(out, rows)
}

// whole writes v without its fraction.
func whole(v float64) string { return table.Thousands(int64(math.Round(v))) }

// JSON writes the report for programs. Text of what Parse reads from it is that of the report itself.
func (r Report) JSON(w io.Writer) error { return record.Write(w, r) }

// Parse reads what JSON wrote. It has one program or more.
func Parse(data []byte) (Report, error) {
	return record.Parse(data, "bench/latency", func(r Report) string {
		if len(r.Programs) == 0 {
			return "program"
		}
		return ""
	})
}

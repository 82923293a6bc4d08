// Package report holds what builds with a remote cache measured, and shows it: as JSON and as text.
package report

import (
	"fmt"
	"io"

	"example.com/pause/bench/lib/machine"
	"example.com/pause/bench/lib/record"
)

// A Report is the outcome of one command.
type Report struct {
	machine.State
	Digest string  `json:"digest"` // of the images that the first build made
	Builds []Build `json:"builds"`
}

// A Build is the outcome of one build.
type Build struct {
	Title      string  `json:"title"`
	Seconds    float64 `json:"seconds"`
	Hits       int     `json:"hits"` // actions whose results came from the cache
	Executed   int     `json:"run"`  // actions that ran a process
	MBDown     float64 `json:"mb_down"`
	MBUp       float64 `json:"mb_up"`
	Puts       int     `json:"puts"`
	Faults     int     `json:"faults"` // answers that failed, because a fault was injected or the cache refused
	SameDigest bool    `json:"same_digest"`
}

// WriteHead writes the line above the builds.
func WriteHead(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%-38s%9s%6s%6s%9s%9s%7s%8s\n", "build", "seconds", "hits", "run", "MB down", "MB up", "PUTs", "faults")
	return err
}

// Text writes the line of a build.
func (b Build) Text(w io.Writer) error {
	verdict := "same digest"
	if !b.SameDigest {
		verdict = "ANOTHER DIGEST"
	}
	_, err := fmt.Fprintf(w, "%-38s%9.1f%6d%6d%9.2f%9.2f%7d%8d  %s\n",
		b.Title, b.Seconds, b.Hits, b.Executed, b.MBDown, b.MBUp, b.Puts, b.Faults, verdict)
	return err
}

// Text writes the report for people.
func (r Report) Text(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%s\n\n", r.State); err != nil {
		return err
	}
	if err := WriteHead(w); err != nil {
		return err
	}
	for _, b := range r.Builds {
		if err := b.Text(w); err != nil {
			return err
		}
	}
	return nil
}

// JSON writes the report for programs.
func (r Report) JSON(w io.Writer) error { return record.Write(w, r) }

// Parse reads what JSON wrote. It has one build or more.
func Parse(data []byte) (Report, error) {
	return record.Parse(data, "bench/cache", func(r Report) string {
		if len(r.Builds) == 0 {
			return "build"
		}
		return ""
	})
}

// Package record keeps what a benchmark measured: as JSON, from which the same text can be shown again.
package record

import (
	"encoding/json"
	"fmt"
	"io"
)

// Write writes report, a struct with JSON tags, as indented JSON.
func Write(w io.Writer, report any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

// Parse reads the JSON that Write wrote for the benchmark of that name. lacks says what a report has to have and has not, or
// "": the JSON of something else can be read as well, into a report that is empty. Either is an error that names the benchmark.
func Parse[R any](data []byte, name string, lacks func(R) string) (R, error) {
	var r R
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("not the JSON of %s: %w", name, err)
	}
	if missing := lacks(r); missing != "" {
		return r, fmt.Errorf("not the JSON of %s: it has no %s", name, missing)
	}
	return r, nil
}

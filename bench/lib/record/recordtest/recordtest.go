// Package recordtest tests reports that package record keeps.
package recordtest

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// A Report is shown as text, and kept as JSON.
type Report interface {
	Text(w io.Writer) error
	JSON(w io.Writer) error
}

// Check checks that r is shown as want, which begins with a line break for the reader's sake; that what parse reads from its
// JSON is shown alike; and that parse refuses what is not JSON, and the JSON of something else.
func Check[R Report](t *testing.T, r R, want string, parse func(data []byte) (R, error)) {
	t.Helper()
	if got := "\n" + text(t, r); got != want {
		t.Errorf("got%swant%s", got, want)
	}
	var data bytes.Buffer
	if err := r.JSON(&data); err != nil {
		t.Fatal(err)
	}
	again, err := parse(data.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got := "\n" + text(t, again); got != want {
		t.Errorf("from the JSON: got%swant%s", got, want)
	}
	for name, wrong := range map[string]string{"no JSON": "x", "another's": `{"others": []}`} {
		if _, err := parse([]byte(wrong)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func text(t *testing.T, r Report) string {
	t.Helper()
	var out strings.Builder
	if err := r.Text(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

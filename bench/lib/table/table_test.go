package table_test

import (
	"strings"
	"testing"

	"example.com/pause/bench/lib/table"
)

// The first column is flush left, the others flush right, each as wide as its widest cell.
func TestWrite(t *testing.T) {
	var out strings.Builder
	rows := [][]string{{"name", "n"}, {"a", "1,000"}, nil, {"longer", "2"}}
	if err := table.Write(&out, rows); err != nil {
		t.Fatal(err)
	}
	want := `
name        n
a       1,000

longer      2
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got%swant%s", got, want)
	}
}

// Numbers have a comma between each three digits.
func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 743_952: "743,952", 1_000_000: "1,000,000", -1234: "-1,234", -123: "-123"} {
		if got := table.Thousands(n); got != want {
			t.Errorf("%d: got %q; want %q", n, got, want)
		}
	}
}

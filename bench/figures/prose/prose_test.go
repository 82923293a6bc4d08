package prose_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/pause/bench/figures/prose"
)

// Sizes are found wherever they stand and however they are written; what only looks like one is not.
func TestQuotes(t *testing.T) {
	for text, want := range map[string][]string{
		"It has 405 bytes.":                               {"405 bytes"},
		"a 17.7 kB image, 743,952 B of C":                 {"17.7 kB", "743952 bytes"},
		"a line that\nends in 1,024\nbytes":               {"1024 bytes"},
		"a 64-byte header":                                {"64 bytes"},
		"4 to 8 bytes, 8 or 16 bytes":                     {"4 bytes", "8 bytes", "8 bytes", "16 bytes"},
		"`4 MiB` and 2 megabytes":                         {"4 MiB", "2 MB"},
		"| ELF, bytes | 405 | 1,464 | - |":                nil, // a head, not a row
		"| x | a |\n|---|---|\n| ELF, bytes | 405 |\n":    {"405 bytes"},
		"| x | kB | n |\n|---|---|---|\n| a | 1.5 | 3 |":  {"1.5 kB"},
		"| x | a |\n|---|---|\n| a | 5 |":                 nil,
		"arm64 bytes, v1.2 B, 1.2.3 bytes, example:5 MB":  nil,
		"405 bytecodes, 4 Bazels, 12 kBit, 5 %, 3 images": nil,
	} {
		var got []string
		for _, q := range prose.Quotes(text) {
			got = append(got, q.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q; want %q", text, got, want)
		}
	}
}

// The line of a quote is where its number stands.
func TestQuotesHaveLines(t *testing.T) {
	quotes := prose.Quotes("one\ntwo 405\nbytes\n\n5 kB\n")
	if len(quotes) != 2 || quotes[0].Line != 2 || quotes[1].Line != 5 {
		t.Errorf("got %+v; want lines 2 and 5", quotes)
	}
}

// A size passes if it is one of the figures in as many digits as are quoted, or a constant; anything else is reported
// with its line and what it may have been.
func TestCheck(t *testing.T) {
	figures := []prose.Figure{
		{Bytes: 405, What: "the program"},
		{Bytes: 17_708, What: "the image"},
		{Bytes: 2156 << 10, What: "resident", Measured: true},
	}
	for text, good := range map[string]bool{
		"405 bytes":        true,
		"406 bytes":        false,
		"17.7 kB":          true,
		"17.71 kB":         true,
		"17.8 kB":          false,
		"18 kB":            true,
		"0.4 kB":           true,
		"2,156 kB":         true,
		"2.1 MB":           true,
		"2.2 MB":           false,
		"2208 kB":          false, // a measured kB has 1,024 bytes
		"2207744 bytes":    false, // and no bytes to be counted
		"a 512-byte block": true,
		"513 bytes":        false,
	} {
		problems := prose.Check("x.md", "\n"+text, figures)
		if (len(problems) == 0) != good {
			t.Errorf("%q: got %q", text, problems)
		}
		for _, p := range problems {
			if !strings.HasPrefix(p, "x.md:2: ") || !strings.Contains(p, "nearest is") || strings.HasSuffix(text, "bytes") && strings.Contains(p, "resident") {
				t.Errorf("%q: got %q; want its line, and the nearest figure", text, p)
			}
		}
	}
}

// Each constant is written as a quote is spelt, or it would never be found.
func TestConstants(t *testing.T) {
	for text, source := range prose.Constants {
		quotes := prose.Quotes(text)
		if len(quotes) != 1 || quotes[0].String() != text {
			t.Errorf("%q is not the spelling of a quote: %q", text, quotes)
		}
		if len(source) < 10 {
			t.Errorf("%q has no source", text)
		}
	}
}

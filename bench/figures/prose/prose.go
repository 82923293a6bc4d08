// Package prose finds the sizes that a document quotes in its text, and holds them to what the build gives.
package prose

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Figure is a size that may be quoted.
type Figure struct {
	Bytes    float64
	What     string // what has this size, for messages
	Measured bool   // it was measured in kB of 1,024 bytes, as the kernel counts, and so is no number of bytes
}

// A Quote is a size in a document.
type Quote struct {
	Line     int
	Text     string // as it is written, in one line
	Number   float64
	Decimals int    // digits after the point
	Unit     string // bytes, kB, MB, GB, KiB, MiB or GiB
}

// String is the quote in one spelling: the key of Constants.
func (q Quote) String() string {
	return strconv.FormatFloat(q.Number, 'f', q.Decimals, 64) + " " + q.Unit
}

var (
	// A number or several ("4 to 8", "8 or 16"), then a unit. A number has commas between its thousands or none.
	quoted = regexp.MustCompile(`((?:` + number + `(?:\s+(?:to|or|and)\s+|-|–))*` + number + `)(?:\s+|-|` + "\u00a0" + `)?(bytes?|Bytes|[kMG]B|KB|[KMG]iB|B|kilobytes?|megabytes?)\b`)
	one    = regexp.MustCompile(number)
	// What a number may not follow: a letter or a point, which make it part of a name or a version.
	before = regexp.MustCompile(`[\w.,/:@#$-]$`)
	// The head of a table's column or row that says its unit.
	unitHead = regexp.MustCompile(`\b(bytes|kB|MB)\b`)
	cell     = regexp.MustCompile(`^` + number + `$`)
)

const number = `(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?`

// Quotes returns the sizes in document, in order: numbers with a unit, and numbers in the columns and rows of tables whose
// head names the unit.
func Quotes(document string) []Quote {
	var quotes []Quote
	for _, m := range quoted.FindAllStringSubmatchIndex(document, -1) {
		if before.MatchString(document[max(0, m[0]-1):m[0]]) {
			continue
		}
		unit := document[m[4]:m[5]]
		for _, n := range one.FindAllStringIndex(document[m[2]:m[3]], -1) {
			at := m[2] + n[0]
			quotes = append(quotes, newQuote(document, at, document[at:m[2]+n[1]], unit))
		}
	}
	quotes = append(quotes, tables(document)...)
	slices.SortStableFunc(quotes, func(a, b Quote) int { return cmp.Compare(a.Line, b.Line) })
	return quotes
}

func newQuote(document string, at int, number, unit string) Quote {
	switch unit {
	case "byte", "Bytes", "B":
		unit = "bytes"
	case "KB", "kilobyte", "kilobytes":
		unit = "kB"
	case "megabyte", "megabytes":
		unit = "MB"
	}
	q := Quote{Line: 1 + strings.Count(document[:at], "\n"), Text: number + " " + unit, Unit: unit}
	if _, fraction, ok := strings.Cut(number, "."); ok {
		q.Decimals = len(fraction)
	}
	// The expression lets nothing pass that is no number.
	q.Number, _ = strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
	return q
}

// tables returns the sizes in tables whose unit stands in the head of their column or row.
func tables(document string) (quotes []Quote) {
	var head []string // of the table that the line is in
	at := 0
	for line := range strings.Lines(document) {
		start := at
		at += len(line)
		text := strings.TrimSpace(line)
		if !strings.HasPrefix(text, "|") {
			head = nil
			continue
		}
		cells := strings.Split(strings.Trim(text, "|"), "|")
		if head == nil {
			head = cells
			continue
		}
		for i, c := range cells {
			c = strings.TrimSpace(c)
			if !cell.MatchString(c) {
				continue
			}
			unit := unitHead.FindString(cells[0])
			if unit == "" && i < len(head) {
				unit = unitHead.FindString(head[i])
			}
			if unit != "" && i > 0 {
				quotes = append(quotes, newQuote(document, start, c, unit))
			}
		}
	}
	return quotes
}

// powers are what the letter before B stands for.
var powers = map[byte]float64{'b': 0, 'k': 1, 'K': 1, 'M': 2, 'G': 3}

// is reports whether q quotes f: f in q's unit, rounded to q's digits, is q's number.
func (q Quote) is(f Figure) bool {
	base := 1000.0
	if f.Measured || strings.HasSuffix(q.Unit, "iB") {
		base = 1024
	}
	if f.Measured && q.Unit == "bytes" {
		return false
	}
	amount := f.Bytes / math.Pow(base, powers[q.Unit[0]])
	scale := math.Pow(10, float64(q.Decimals))
	return math.Round(amount*scale) == math.Round(q.Number*scale)
}

// Check returns a line for each size in document, called name, that is neither one of figures nor one of Constants.
func Check(name, document string, figures []Figure) (problems []string) {
	for _, q := range Quotes(document) {
		if _, ok := Constants[q.String()]; ok {
			continue
		}
		if slices.ContainsFunc(figures, q.is) {
			continue
		}
		problems = append(problems, fmt.Sprintf("%s:%d: %q is no size that the build or a measurement gives now%s; correct it, or, if it is a constant, "+
			"add it with its source to bench/figures/prose/constants.go", name, q.Line, q.Text, nearest(q, figures)))
	}
	return problems
}

// nearest names the figure that q may be an old value of, for a message.
func nearest(q Quote, figures []Figure) string {
	size := q.Number * math.Pow(1000, powers[q.Unit[0]])
	best, distance := "", math.Inf(1)
	for _, f := range figures {
		if f.Measured && q.Unit == "bytes" {
			continue
		}
		if d := math.Abs(f.Bytes - size); d < distance {
			best, distance = fmt.Sprintf(" (the nearest is %.0f bytes: %s)", f.Bytes, f.What), d
		}
	}
	return best
}

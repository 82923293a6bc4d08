// Package block fills the generated parts of Markdown documents. Such a block is what stands between two lines,
//
//	<!-- figures: NAME -->
//	<!-- /figures -->
//
// which stay where they are. NAME is made of a to z, 0 to 9 and hyphens. Blocks do not nest.
package block

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	begin = regexp.MustCompile(`^<!-- figures: ([a-z0-9-]+) -->$`)
	// A line that was meant to be a marker: text that is generated must not become prose because of a typing error.
	meant = regexp.MustCompile(`^\s*<!--.*\bfigures\b`)
)

const end = "<!-- /figures -->"

// Fill returns document with the text content(NAME) in each block, between empty lines. An error names the line.
func Fill(document string, content func(name string) (string, error)) (string, error) {
	var out strings.Builder
	err := split(document, func(_ int, line, inside string) error {
		switch {
		case inside == "":
			out.WriteString(line)
		case begin.MatchString(strings.TrimRight(line, "\n")):
			text, err := content(inside)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%s\n%s\n\n", line, strings.Trim(text, "\n"))
		}
		return nil
	})
	return out.String(), err
}

// Blank returns document with the lines within blocks empty, so that what is found in the rest has its line number.
func Blank(document string) (string, error) {
	var out strings.Builder
	err := split(document, func(_ int, line, inside string) error {
		if inside != "" {
			line = "\n"
		}
		out.WriteString(line)
		return nil
	})
	return out.String(), err
}

// split calls visit for each line of document, with its number and line end, and the name of the block that it is in or
// begins; the line that ends a block is outside again.
func split(document string, visit func(number int, line, inside string) error) error {
	inside, since, number := "", 0, 0
	for line := range strings.Lines(document) {
		number++
		text := strings.TrimRight(line, "\n")
		m := begin.FindStringSubmatch(text)
		switch {
		case m != nil && inside != "":
			return fmt.Errorf("line %d: a block begins within the block %q, which began in line %d and needs a line %s first", number, inside, since, end)
		case m != nil:
			inside, since = m[1], number
		case text == end && inside == "":
			return fmt.Errorf("line %d: %s, but no block began", number, end)
		case text == end:
			inside = ""
		case meant.MatchString(text) && !strings.HasPrefix(text, "    "):
			return fmt.Errorf("line %d: %q is no marker; write <!-- figures: NAME --> or %s, alone in a line", number, text, end)
		}
		if err := visit(number, line, inside); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	if inside != "" {
		return fmt.Errorf("line %d: the block %q does not end; write %s in a line behind it", since, inside, end)
	}
	return nil
}

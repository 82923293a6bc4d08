package block_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/pause/bench/figures/block"
)

const document = `# Title
before
<!-- figures: sizes -->
old 1
old 2
<!-- /figures -->
between
<!-- figures: a-2 -->
<!-- /figures -->
    <!-- figures: shown, as code -->
`

// Each block gets its own text between empty lines; all else stays; and filling again changes nothing.
func TestFill(t *testing.T) {
	fill := func(text string) string {
		t.Helper()
		out, err := block.Fill(text, func(name string) (string, error) { return "\nnew " + name + "\n", nil })
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := `# Title
before
<!-- figures: sizes -->

new sizes

<!-- /figures -->
between
<!-- figures: a-2 -->

new a-2

<!-- /figures -->
    <!-- figures: shown, as code -->
`
	got := fill(document)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if again := fill(got); again != got {
		t.Errorf("the second time, got\n%s", again)
	}
}

// What is in blocks is blanked without moving a line.
func TestBlank(t *testing.T) {
	blank, err := block.Blank(document)
	if err != nil || strings.Contains(blank, "old") || strings.Count(blank, "\n") != strings.Count(document, "\n") || !strings.Contains(blank, "between") {
		t.Errorf("got %q, %v", blank, err)
	}
}

// A marker that is not right is an error that names the line, and so is a text that cannot be made.
func TestRefuses(t *testing.T) {
	for want, text := range map[string]string{
		"line 2: the block \"a\" does not end": "\n<!-- figures: a -->\n",
		"line 2: a block begins within":        "<!-- figures: a -->\n<!-- figures: b -->\n<!-- /figures -->\n",
		"line 1: <!-- /figures -->, but no":    "<!-- /figures -->\n",
		"line 3: \"<!-- figures:a -->\" is no": "\n\n<!-- figures:a -->\n<!-- /figures -->\n",
		"line 2: \"<!-- / figures -->\" is no": "<!-- figures: a -->\n<!-- / figures -->\n",
		"line 1: \"<!-- figures: A -->\" is":   "<!-- figures: A -->\n",
		"line 1: broken":                       "<!-- figures: broken -->\n<!-- /figures -->\n",
	} {
		out, err := block.Fill(text, func(name string) (string, error) {
			if name == "broken" {
				return "", errors.New("broken")
			}
			return "", nil
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q, %v; want an error with %q", text, out, err, want)
		}
	}
}

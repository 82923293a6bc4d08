package progress

import (
	"bytes"
	"strings"
	"testing"
)

// The line shows each text in turn, and leaves nothing.
func TestLine(t *testing.T) {
	var terminal bytes.Buffer
	line := start(&terminal, "one")
	line.Set("two")
	line.Stop()
	texts := strings.Split(terminal.String(), clear)
	if len(texts) < 4 || texts[0] != "" || texts[1] != "one, 0 s" || !strings.HasPrefix(texts[len(texts)-2], "two, ") || texts[len(texts)-1] != "" {
		t.Errorf("wrote %q", texts)
	}
}

// Where there is no terminal, and a test has none, nothing is shown.
func TestNoTerminal(t *testing.T) {
	line := &Line{}
	line.Set("two")
	line.Stop()
}

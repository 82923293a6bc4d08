// Package progress shows on a terminal what a command is at, and for how long; anywhere else it shows nothing.
package progress

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// clear goes to the beginning of the line and empties it (ECMA-48, "EL").
const clear = "\r\x1b[K"

// A Line is a line on a terminal that is written again and again, and is gone in the end.
type Line struct {
	w     io.Writer // nil: no terminal
	start time.Time
	texts chan string
	ended chan struct{}
}

// Start shows text on standard error, if that is a terminal, with the seconds that have passed since.
func Start(text string) *Line {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return &Line{}
	}
	return start(os.Stderr, text)
}

func start(w io.Writer, text string) *Line {
	l := &Line{w: w, start: time.Now(), texts: make(chan string), ended: make(chan struct{})}
	go l.write(text)
	return l
}

// write is the only one who writes.
func (l *Line) write(text string) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	defer close(l.ended)
	for more := true; more; {
		fmt.Fprintf(l.w, "%s%s, %.0f s", clear, text, time.Since(l.start).Seconds())
		select {
		case <-tick.C:
		case next, open := <-l.texts:
			text, more = next, open
		}
	}
	fmt.Fprint(l.w, clear)
}

// Set changes the text.
func (l *Line) Set(text string) {
	if l.w != nil {
		l.texts <- text
	}
}

// Stop takes the line away. Nothing else may be written to the terminal before.
func (l *Line) Stop() {
	if l.w != nil {
		close(l.texts)
		<-l.ended
	}
}

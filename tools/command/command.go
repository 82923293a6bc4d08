// Package command is the frame that the commands of this repository share: --help with examples and exit codes, flags
// that say what was meant, one line for an error, and an end in order when the process is interrupted.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// A Command is a program, or one of the commands within a program. It is made anew for each Execute.
type Command struct {
	// Name begins its errors. A command within another is called by it.
	Name string
	// Call is how people start it, as the help shows. A command within another needs none.
	Call string
	// Summary says what it does: a sentence, and more after it where that helps.
	Summary string
	// Arguments has a word for each argument beside the flags, such as "LINKED PACKED"; the last one ends in "..." if it
	// may be repeated. Run gets no other number of them.
	Arguments string
	// Examples are whole command lines.
	Examples []string
	// Exit says what exit codes mean, where that differs from what every command has: see exitCodes.
	Exit map[int]string
	// Flags are to be declared before Execute. Backquotes in a usage mark the name of the value, as in package flag.
	Flags flag.FlagSet
	// Required names the flags that must be given, and not be empty.
	Required []string
	// Run does the work, with the arguments beside the flags. ctx ends when the process is interrupted. Its error becomes
	// one line and exit code 1, or 2 if it comes from Wrong; ErrFailed is exit code 1 without a line.
	Run func(ctx context.Context, args []string, stdout io.Writer) error
	// Commands are the commands within this one, which then has no Flags and no Run.
	Commands []*Command
}

// exitCodes are those that every command has.
var exitCodes = map[int]string{0: "done", 1: "failed", 2: "wrong usage"}

// ErrFailed is returned by a Run that has printed on stdout what failed.
var ErrFailed = errors.New("failed")

// wrong is an error in what the caller gave.
type wrong struct{ error }

func (w wrong) Unwrap() error { return w.error }

// Wrong is fmt.Errorf for errors in what the caller gave, which end in exit code 2.
func Wrong(format string, args ...any) error { return wrong{fmt.Errorf(format, args...)} }

// Main executes the command with the arguments of the process, and ends the process with its exit code. SIGINT, SIGTERM
// and SIGHUP end the context; a second signal ends the process itself, in case that it does not heed the context.
func (c *Command) Main() {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup leaves it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	os.Exit(c.Execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Execute is Main without the process: it returns the exit code.
func (c *Command) Execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(c.Commands) > 0 && len(args) == 2 && args[0] == "help" {
		args = []string{args[1], "--help"}
	}
	for _, sub := range c.Commands {
		if len(args) > 0 && args[0] == sub.Name {
			sub.Name, sub.Call = c.Name+" "+sub.Name, c.Call+" "+sub.Name
			return sub.Execute(ctx, args[1:], stdout, stderr)
		}
	}
	err := c.run(ctx, args, stdout)
	var misuse wrong
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrFailed):
		return 1
	case ctx.Err() != nil && !strings.Contains(err.Error(), "interrupted"):
		// Whatever broke because the context ended is no news.
		err = errors.New("interrupted")
	}
	fmt.Fprintf(stderr, "%s: %v\n", c.Name, err)
	if errors.As(err, &misuse) {
		return 2
	}
	return 1
}

func (c *Command) run(ctx context.Context, args []string, stdout io.Writer) error {
	args, err := c.parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return c.help(stdout)
	case err != nil:
		return wrong{err}
	}
	return c.Run(ctx, args, stdout)
}

// List is a flag that may be given several times.
type List []string

// String joins the values with commas; package flag wants it.
func (l *List) String() string { return strings.Join(*l, ",") }

// Set appends a value; package flag calls it.
func (l *List) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// LinesVar declares a flag that names a file, each line of which is appended to l, without blanks around it. Empty lines do
// not count.
func (l *List) LinesVar(flags *flag.FlagSet, name, usage string) {
	flags.Func(name, usage, func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); line != "" {
				*l = append(*l, line)
			}
		}
		return nil
	})
}

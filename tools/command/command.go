// Package command is the frame that the commands of this repository share, over package flag: --help with examples, one line for
// an error, exit code 2 for a wrong command line, and an end in order when the process is interrupted.
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
	Name      string       // begins its errors; a command within another is called by it
	Call      string       // how people start it, as the help shows; a command within another needs none
	Summary   string       // what it does: a sentence, and more after it where that helps
	Arguments string       // a word for each argument after the flags; the last may end in "..."
	Examples  []string     // whole command lines
	Flags     flag.FlagSet // to be declared before Execute
	Required  []string     // the flags that must be given, and not be empty
	Commands  []*Command   // the commands within this one, which then has nothing but a name, a call, a summary and examples

	// Run does the work, with the arguments after the flags. ctx ends when the process is interrupted. Its error becomes one
	// line and exit code 1, or 2 if it comes from Wrong.
	Run func(ctx context.Context, args []string, stdout io.Writer) error
}

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
	for _, sub := range c.Commands {
		if len(args) > 0 && args[0] == sub.Name {
			sub.Name, sub.Call = c.Name+" "+sub.Name, c.Call+" "+sub.Name
			return sub.Execute(ctx, args[1:], stdout, stderr)
		}
	}
	err := c.run(ctx, args, stdout)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && !strings.Contains(err.Error(), "interrupted") {
		err = errors.New("interrupted") // whatever broke because the context ended is no news
	}
	fmt.Fprintf(stderr, "%s: %v\n", c.Name, err)
	var misuse wrong
	if errors.As(err, &misuse) {
		return 2
	}
	return 1
}

func (c *Command) run(ctx context.Context, args []string, stdout io.Writer) error {
	c.Flags.Init(c.Name, flag.ContinueOnError)
	c.Flags.SetOutput(io.Discard) // Execute says it, in one line
	switch err := c.Flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return c.help(stdout)
	case err != nil:
		return Wrong("%w; --help lists the flags", err)
	case len(c.Commands) > 0:
		return Wrong("want a command, not %q; --help lists them", c.Flags.Args())
	}
	for _, name := range c.Required {
		if c.Flags.Lookup(name).Value.String() == "" {
			return Wrong("missing --%s; --help says more", name)
		}
	}
	n, words := c.Flags.NArg(), len(strings.Fields(c.Arguments))
	switch {
	case words == 0 && n > 0:
		return Wrong("unexpected argument %q; there are only flags, see --help", c.Flags.Arg(0))
	case n < words || n > words && !strings.HasSuffix(c.Arguments, "..."):
		return Wrong("want %s after the flags, have %q; --help says more", c.Arguments, c.Flags.Args())
	}
	return c.Run(ctx, c.Flags.Args(), stdout)
}

// help writes all that a user has to know.
func (c *Command) help(w io.Writer) error {
	var b strings.Builder
	if len(c.Commands) > 0 {
		fmt.Fprintf(&b, "Usage: %s COMMAND [FLAGS]\n\n%s\n\nCommands (COMMAND --help says more):\n", c.Call, c.Summary)
		for _, sub := range c.Commands {
			fmt.Fprintf(&b, "  %-10s %s\n", sub.Name, sub.Summary)
		}
	} else {
		fmt.Fprintf(&b, "Usage: %s\n\n%s\n\nFlags:\n", strings.TrimSpace(c.Call+" [FLAGS] "+c.Arguments), c.Summary)
		c.Flags.SetOutput(&b)
		c.Flags.PrintDefaults()
		if len(c.Required) > 0 {
			fmt.Fprintf(&b, "Required: --%s\n", strings.Join(c.Required, ", --"))
		}
	}
	fmt.Fprintf(&b, "\nExamples:\n  %s\n\nThe exit code is 0 if all went well, 1 if not, and 2 if the command line is wrong.\n", strings.Join(c.Examples, "\n  "))
	_, err := io.WriteString(w, b.String())
	return err
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

// Package cli is what the commands of tools/oci share: commands within a command, flags, and one line for an error.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// Command is one command of a program. It declares its flags, reads them with Parse, and does its work.
type Command func(flags *flag.FlagSet, args []string, stdout io.Writer) error

// Run runs the command that args[0] names, with the other arguments. usage is what "help" prints.
func Run(usage string, commands map[string]Command, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return errors.New("which command? \"help\" lists them")
	}
	switch strings.TrimLeft(args[0], "-") {
	case "help", "h":
		_, err := io.WriteString(stdout, usage)
		return err
	}
	command, ok := commands[args[0]]
	if !ok {
		return fmt.Errorf("no command %q; \"help\" lists them", args[0])
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	err := command(flags, args[1:], stdout)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return nil
}

// Parse reads the flags, and checks that nothing is left over and that the required ones are there.
func Parse(flags *flag.FlagSet, args []string, required ...string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	for _, name := range required {
		if flags.Lookup(name).Value.String() == "" {
			return fmt.Errorf("--%s is needed", name)
		}
	}
	return nil
}

// List is a flag that may be given several times.
type List []string

// String joins the values; package flag wants it.
func (l *List) String() string { return strings.Join(*l, ",") }

// Set appends a value; package flag calls it.
func (l *List) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// LinesVar declares a flag that names a file, each line of which is appended to l. Empty lines do not count.
func (l *List) LinesVar(flags *flag.FlagSet, name, usage string) {
	flags.Func(name, usage, func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		*l = append(*l, strings.Fields(string(data))...)
		return nil
	})
}

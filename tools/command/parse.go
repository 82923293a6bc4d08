package command

import (
	"errors"
	"flag"
	"fmt"
	"strings"
)

// parse sets the flags and returns the other arguments. Package flag is not left to do it because its errors are texts
// that name flags with one dash and know no better one. Flags may also stand after arguments; "--" ends them.
func (c *Command) parse(args []string) (rest []string, err error) {
	if len(args) > 0 && args[0] == "help" {
		return nil, flag.ErrHelp
	}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			rest = append(rest, args...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			rest = append(rest, arg)
			continue
		}
		name, value, given := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		f := c.Flags.Lookup(name)
		switch {
		case f == nil && (name == "help" || name == "h"):
			return nil, flag.ErrHelp
		case f == nil:
			return nil, c.unknown("flag", dashed(name), c.flagNames())
		case given:
		case isBool(f):
			value = "true"
		case len(args) == 0:
			return nil, fmt.Errorf("%s needs a value: %s", dashed(name), usage(f))
		default:
			value, args = args[0], args[1:]
		}
		if err := c.Flags.Set(name, value); err != nil {
			return nil, fmt.Errorf("%s=%s %s; it wants: %s", dashed(name), value, complaint(f, err), usage(f))
		}
	}
	return rest, c.check(rest)
}

// check returns an error unless everything that Run needs is there, and nothing else.
func (c *Command) check(args []string) error {
	if len(c.Commands) > 0 {
		var names []string
		for _, sub := range c.Commands {
			names = append(names, sub.Name)
		}
		if len(args) == 0 {
			return errors.New("which command? " + strings.Join(names, ", ") + "; --help says more")
		}
		return c.unknown("command", args[0], names)
	}
	var missing []string
	for _, name := range c.Required {
		if f := c.Flags.Lookup(name); f.Value.String() == "" {
			missing = append(missing, synopsis(f))
		}
	}
	words := strings.Fields(c.Arguments)
	switch {
	case len(missing) > 0:
		return fmt.Errorf("missing %s; --help says more", strings.Join(missing, ", "))
	case len(words) == 0 && len(args) > 0:
		return fmt.Errorf("unexpected argument %q; there are only flags, see --help", args[0])
	case len(args) < len(words), len(args) > len(words) && !strings.HasSuffix(c.Arguments, "..."):
		return fmt.Errorf("want %s beside the flags, have %d: %q", c.Arguments, len(args), args)
	}
	return nil
}

// unknown is the error for a name that is none of names.
func (c *Command) unknown(what, name string, names []string) error {
	best, least := "", 4 // more than three letters off is not meant
	for _, candidate := range names {
		if d := distance(name, candidate); d < least && 2*d <= len(strings.TrimLeft(candidate, "-")) {
			best, least = candidate, d
		}
	}
	if best == "" {
		return fmt.Errorf("unknown %s %s; --help lists them", what, name)
	}
	return fmt.Errorf("unknown %s %s; did you mean %s?", what, name, best)
}

// distance is the number of letters to insert, remove or replace that make b of a (Levenshtein's).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// complaint says what is wrong with a value that flag f does not take.
func complaint(f *flag.Flag, err error) string {
	if getter, ok := f.Value.(flag.Getter); ok && err.Error() == "parse error" {
		switch getter.Get().(type) {
		case bool:
			return "is neither true nor false"
		case int:
			return "is not a whole number"
		case float64:
			return "is not a number"
		}
	}
	return "cannot be: " + err.Error()
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

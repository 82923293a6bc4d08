package command

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// help writes all that a user has to know.
func (c *Command) help(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s%s\n\n%s\n", c.Call, c.usage(), c.Summary)
	if len(c.Commands) > 0 {
		fmt.Fprint(&b, "\nCommands:\n")
		for _, sub := range c.Commands {
			fmt.Fprintf(&b, "  %-9s %s\n", sub.Name, sub.Summary)
		}
		fmt.Fprintf(&b, "\n%s COMMAND --help says more about one.\n", c.Call)
	}
	if len(c.flagNames()) > 1 {
		fmt.Fprint(&b, "\nFlags:\n")
		c.Flags.VisitAll(func(f *flag.Flag) {
			fmt.Fprintf(&b, "  %s\n        %s%s\n", synopsis(f), usage(f), c.remark(f))
		})
	}
	fmt.Fprint(&b, "\nExamples:\n")
	for _, example := range c.Examples {
		fmt.Fprintf(&b, "  %s\n", example)
	}
	fmt.Fprint(&b, "\nExit codes:\n")
	codes := maps.Clone(exitCodes)
	maps.Copy(codes, c.Exit)
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		fmt.Fprintf(&b, "  %d  %s\n", code, codes[code])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// usage is what follows the call in the first line of the help.
func (c *Command) usage() string {
	var parts strings.Builder
	if len(c.Commands) > 0 {
		parts.WriteString(" COMMAND")
	}
	for _, name := range c.Required {
		parts.WriteString(" " + synopsis(c.Flags.Lookup(name)))
	}
	if len(c.flagNames()) > 1+len(c.Required) || len(c.Commands) > 0 {
		parts.WriteString(" [FLAGS]")
	}
	if c.Arguments != "" {
		parts.WriteString(" " + c.Arguments)
	}
	return parts.String()
}

// flagNames returns the names of the flags as users write them; --help is always one.
func (c *Command) flagNames() []string {
	names := []string{"--help"}
	c.Flags.VisitAll(func(f *flag.Flag) { names = append(names, dashed(f.Name)) })
	return names
}

// remark says what happens without the flag.
func (c *Command) remark(f *flag.Flag) string {
	switch {
	case slices.Contains(c.Required, f.Name):
		return " (required)"
	case f.DefValue == "" || f.DefValue == "0" || f.DefValue == "false":
		return ""
	}
	return " (default: " + f.DefValue + ")"
}

// dashed writes a flag's name the way users do.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// synopsis is a flag with the name of its value.
func synopsis(f *flag.Flag) string {
	value, _ := flag.UnquoteUsage(f)
	return strings.TrimSpace(dashed(f.Name) + " " + strings.ToUpper(value))
}

// usage is a flag's usage without backquotes.
func usage(f *flag.Flag) string {
	_, text := flag.UnquoteUsage(f)
	return text
}

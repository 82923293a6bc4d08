package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// counter is a command with a flag of every kind. It prints what it got.
func counter() *Command {
	c := &Command{
		Name: "counter", Call: "bazel run //counter --", Summary: "Counts.", Arguments: "FILE...", Required: []string{"output"},
		Examples: []string{"bazel run //counter -- --output=o f"},
		Exit:     map[int]string{1: "too many", 36: "none at all"},
	}
	output := c.Flags.String("output", "", "`file` to write")
	count := c.Flags.Int("count", 7, "how `many` to count")
	rate := c.Flags.Float64("rate", 0, "how fast")
	fast := c.Flags.Bool("fast", false, "do not wait")
	var tags List
	c.Flags.Var(&tags, "t", "`name` to give it")
	tags.LinesVar(&c.Flags, "tags", "`file` of names")
	c.Run = func(_ context.Context, args []string, stdout io.Writer) error {
		_, err := fmt.Fprint(stdout, *output, " ", *count, " ", *rate, " ", *fast, " ", tags, " ", args)
		return err
	}
	return c
}

// group is a command with others in it.
func group() *Command {
	add := counter()
	add.Name, add.Call = "add", ""
	return &Command{
		Name: "group", Call: "go run ./group", Summary: "Has others.", Examples: []string{"go run ./group add"},
		Commands: []*Command{add, {Name: "remove", Run: func(context.Context, []string, io.Writer) error { return ErrFailed }}},
	}
}

// execute executes a command line, split at blanks.
func execute(t *testing.T, c *Command, line string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = c.Execute(t.Context(), strings.Fields(line), &out, &err)
	return code, out.String(), err.String()
}

// Flags may have one dash or two, a value behind = or as the next word, and stand before or after arguments.
func TestFlags(t *testing.T) {
	names := filepath.Join(t.TempDir(), "names")
	if err := os.WriteFile(names, []byte("a\n\nb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"--output=o f":                           "o 7 0 false [] [f]",
		"-output o f g":                          "o 7 0 false [] [f g]",
		"f --output o --count=-1 - --fast":       "o -1 0 true [] [f -]",
		"--fast=false --rate .5 --output == f":   "== 7 0.5 false [] [f]",
		"--output o -t x --tags " + names + " f": "o 7 0 false [x a b] [f]",
		"--output o -- --count --help":           "o 7 0 false [] [--count --help]",
		"--output --fast f":                      "--fast 7 0 false [] [f]",
	} {
		if code, stdout, stderr := execute(t, counter(), line); code != 0 || stdout != want || stderr != "" {
			t.Errorf("%s: exit code %d, %q, %q; want %q", line, code, stdout, stderr, want)
		}
	}
}

// A wrong command line is exit code 2 and one line that says what was meant, and Run is not called.
func TestWrong(t *testing.T) {
	for line, want := range map[string]string{
		"--cuont=1":                    "unknown flag --cuont; did you mean --count?",
		"-cout 1":                      "unknown flag --cout; did you mean --count?",
		"--hlep":                       "unknown flag --hlep; did you mean --help?",
		"--output=o --colour f":        "unknown flag --colour; --help lists them",
		"-x":                           "unknown flag -x; --help lists them",
		"--count=many":                 "--count=many is not a whole number; it wants: how many to count",
		"--count= f":                   "--count= is not a whole number",
		"--count 99999999999999999999": "--count=99999999999999999999 cannot be: value out of range",
		"--rate=fast":                  "--rate=fast is not a number; it wants: how fast",
		"--fast=maybe":                 "--fast=maybe is neither true nor false",
		"--tags=none":                  "--tags=none cannot be: open none: no such file or directory; it wants: file of names",
		"--output":                     "--output needs a value: file to write",
		"f":                            "missing --output FILE; --help says more",
		"--output= f":                  "missing --output FILE; --help says more",
		"--output o":                   "want FILE... beside the flags, have 0: []",
	} {
		code, stdout, stderr := execute(t, counter(), line)
		if code != 2 || stdout != "" || !strings.HasPrefix(stderr, "counter: "+want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q, %q; want %q", line, code, stdout, stderr, want)
		}
	}
}

// A command gets as many arguments as it has words for.
func TestArguments(t *testing.T) {
	for _, test := range []struct {
		arguments, line string
		code            int
		want            string
	}{
		{"", "", 0, ""},
		{"", "f", 2, `unexpected argument "f"; there are only flags, see --help`},
		{"A B", "a b", 0, ""},
		{"A B", "a", 2, `want A B beside the flags, have 1: ["a"]`},
		{"A B", "a b c", 2, `want A B beside the flags, have 3: ["a" "b" "c"]`},
		{"A B...", "a b c", 0, ""},
		{"A B...", "a", 2, `want A B... beside`},
	} {
		c := &Command{Name: "c", Arguments: test.arguments, Run: func(context.Context, []string, io.Writer) error { return nil }}
		if code, _, stderr := execute(t, c, test.line); code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("%q for %q: exit code %d, %q; want %d, %q", test.line, test.arguments, code, stderr, test.code, test.want)
		}
	}
}

// The help has all that a user must know, on stdout, however it is asked for.
func TestHelp(t *testing.T) {
	const want = `Usage: bazel run //counter -- --output FILE [FLAGS] FILE...

Counts.

Flags:
  --count MANY
        how many to count (default: 7)
  --fast
        do not wait
  --output FILE
        file to write (required)
  --rate FLOAT
        how fast
  -t NAME
        name to give it
  --tags FILE
        file of names

Examples:
  bazel run //counter -- --output=o f

Exit codes:
  0  done
  1  too many
  2  wrong usage
  36  none at all
`
	for _, line := range []string{"--help", "-help", "-h", "--h", "help", "--count 1 f --help", "help --nonsense"} {
		if code, stdout, stderr := execute(t, counter(), line); code != 0 || stdout != want || stderr != "" {
			t.Errorf("%s: exit code %d, %q, and\n%s", line, code, stderr, stdout)
		}
	}
}

// A line of a file of values is one value, whatever is in it.
func TestLinesVar(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(path, []byte("a\n\n \n  b c\r\nd"), 0o644); err != nil {
		t.Fatal(err)
	}
	var list List
	var c Command
	list.LinesVar(&c.Flags, "lines", "")
	if err := c.Flags.Set("lines", path); err != nil || list.String() != "a,b c,d" {
		t.Errorf("got %q, %v", list, err)
	}
}

// Commands within a command have help and errors of their own.
func TestCommands(t *testing.T) {
	for line, want := range map[string]string{
		"help":             "0 Usage: go run ./group COMMAND [FLAGS]",
		"--help":           "0 \n  add       Counts.\n",
		"help add":         "0 Usage: go run ./group add --output FILE [FLAGS] FILE...",
		"add --help":       "0 Usage: go run ./group add --output FILE [FLAGS] FILE...",
		"add --output o f": "0 o 7",
		"":                 "2 group: which command? add, remove; --help says more\n",
		"ad":               "2 group: unknown command ad; did you mean add?\n",
		"multiply":         "2 group: unknown command multiply; --help lists them\n",
		"--count=1 add":    "2 group: unknown flag --count; --help lists them\n",
		"add --cuont=1":    "2 group add: unknown flag --cuont; did you mean --count?\n",
		"remove":           "1 ",
		"remove x":         "2 group remove: unexpected argument \"x\"",
	} {
		code, stdout, stderr := execute(t, group(), line)
		if got := fmt.Sprint(code, " ", stdout+stderr); !strings.HasPrefix(got, want[:2]) || !strings.Contains(got, want[2:]) {
			t.Errorf("%s: got %s\nwant %s", line, got, want)
		}
	}
}

// An error is one line and exit code 1, or 2 if the caller gave something wrong; what is reported already is not said again.
func TestErrors(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		ctx  context.Context
		err  error
		code int
		want string
	}{
		{t.Context(), nil, 0, ""},
		{t.Context(), errors.New("broken"), 1, "c: broken\n"},
		{t.Context(), fmt.Errorf("checks: %w", ErrFailed), 1, ""},
		{t.Context(), Wrong("bad: %w", io.EOF), 2, "c: bad: EOF\n"},
		{t.Context(), fmt.Errorf("in f: %w", Wrong("bad")), 2, "c: in f: bad\n"},
		{interrupted, fmt.Errorf("wait: %w", context.Canceled), 1, "c: interrupted\n"},
		{interrupted, errors.New("interrupted in row 7"), 1, "c: interrupted in row 7\n"},
		{interrupted, nil, 0, ""},
	} {
		c := &Command{Name: "c", Run: func(context.Context, []string, io.Writer) error { return test.err }}
		var stdout, stderr bytes.Buffer
		if code := c.Execute(test.ctx, nil, &stdout, &stderr); code != test.code || stderr.String() != test.want || stdout.Len() > 0 {
			t.Errorf("%v: exit code %d, %q; want %d, %q", test.err, code, stderr.String(), test.code, test.want)
		}
	}
	if err := Wrong("bad: %w", io.EOF); !errors.Is(err, io.EOF) {
		t.Errorf("%v does not wrap its cause", err)
	}
}

// waits is the environment variable that makes TestSignals be a command that waits for its context; "stubborn" is one that
// then goes on.
const waits = "COMMAND_TEST_WAITS"

// waiting starts the command, and returns when it waits.
func waiting(t *testing.T, how string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), program, "-test.run=^TestSignals$")
	cmd.Env = append(os.Environ(), waits+"="+how)
	stderr = new(bytes.Buffer)
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, len("ready\n"))); err != nil {
		t.Error(err)
	}
	return cmd, stderr
}

// Each of the signals ends the context of a process, which then says so and exits with 1; if it does not, the next one
// ends the process.
func TestSignals(t *testing.T) {
	if how := os.Getenv(waits); how != "" {
		c := &Command{Name: "c", Run: func(ctx context.Context, _ []string, stdout io.Writer) error {
			fmt.Fprintln(stdout, "ready")
			<-ctx.Done()
			if how == "stubborn" {
				time.Sleep(time.Hour)
			}
			return ctx.Err()
		}}
		os.Args = os.Args[:1]
		c.Main()
	}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if signal.Ignored(s) {
			continue // nohup runs this test
		}
		cmd, stderr := waiting(t, "once")
		if err := cmd.Process.Signal(s); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // the exit code says it
		if code := cmd.ProcessState.ExitCode(); code != 1 || stderr.String() != "c: interrupted\n" {
			t.Errorf("%s: exit code %d, %q", s, code, stderr.String())
		}
	}

	// Not SIGTERM: in the test that the child also is, Bazel's rules wait for that one.
	cmd, _ := waiting(t, "stubborn")
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the state says it
		close(ended)
	}()
	// The second signal may come before the process has dealt with the first.
	patience := time.After(10 * time.Second)
	for again := true; again; {
		_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended
		select {
		case <-ended:
			again = false
		case <-patience:
			_ = cmd.Process.Kill() // the state says it
			patience = nil
		case <-time.After(10 * time.Millisecond):
		}
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGINT {
		t.Errorf("the stubborn one ended with %s", cmd.ProcessState)
	}
}

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
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pause/tests/lib/need"
)

// counter is a command with flags. It prints what it got.
func counter() *Command {
	c := &Command{
		Name: "counter", Call: "./bazelw run //counter --", Summary: "Counts.", Arguments: "FILE...", Required: []string{"output"},
		Examples: []string{"./bazelw run //counter -- --output=o f"},
	}
	output := c.Flags.String("output", "", "`file` to write")
	count := c.Flags.Int("count", 7, "how `many` to count")
	var tags List
	c.Flags.Var(&tags, "t", "`name` to give it")
	c.Run = func(_ context.Context, args []string, stdout io.Writer) error {
		_, err := fmt.Fprint(stdout, *output, " ", *count, " ", tags, " ", args)
		return err
	}
	return c
}

// group is a command with others in it.
func group() *Command {
	add := counter()
	add.Name, add.Call = "add", ""
	nothing := func(context.Context, []string, io.Writer) error { return nil }
	return &Command{
		Name: "group", Call: "go run ./group", Summary: "Has others.", Examples: []string{"go run ./group add"},
		Commands: []*Command{add, {Name: "remove", Arguments: "A B", Run: nothing}, {Name: "list", Run: nothing}},
	}
}

// Help is no error and goes to stdout; a wrong command line is exit code 2, one line on stderr, and nothing is done.
func TestCommandLines(t *testing.T) {
	for line, test := range map[string]struct {
		code int
		want string // in what it prints, on stdout for code 0, on stderr otherwise
	}{
		"counter --output=o f":            {0, "o 7 [] [f]"},
		"counter -output o --count 1 f g": {0, "o 1 [] [f g]"},
		"counter --output o -t x -t y f":  {0, "o 7 [x y] [f]"},
		"counter --output o -- --count":   {0, "o 7 [] [--count]"},
		"counter --help":                  {0, "Usage: ./bazelw run //counter -- [FLAGS] FILE...\n\nCounts.\n\nFlags:\n  -count many\n"},
		"counter --count 1 -h":            {0, "Required: --output\n\nExamples:\n  ./bazelw run //counter -- --output=o f\n\nThe exit code is 0"},
		"counter --cuont=1":               {2, "counter: flag provided but not defined: -cuont; --help lists the flags"},
		"counter --count=many":            {2, `counter: invalid value "many" for flag -count: parse error`},
		"counter --output":                {2, "counter: flag needs an argument: -output"},
		"counter f":                       {2, "counter: missing --output; --help says more"},
		"counter --output= f":             {2, "counter: missing --output"},
		"counter --output o":              {2, "counter: want FILE... after the flags, have []"},
		"group --help":                    {0, "Commands (COMMAND --help says more):\n  add        Counts.\n  remove"},
		"group add --help":                {0, "Usage: go run ./group add [FLAGS] FILE..."},
		"group add --output o f":          {0, "o 7 [] [f]"},
		"group list":                      {0, ""},
		"group list x":                    {2, `group list: unexpected argument "x"; there are only flags`},
		"group remove a b":                {0, ""},
		"group add --output o":            {2, "want FILE... after"},
		"group":                           {2, "group: want a command, not []; --help lists them"},
		"group multiply":                  {2, `group: want a command, not ["multiply"]`},
		"group --count=1 add":             {2, "group: flag provided but not defined: -count"},
		"group add --cuont=1":             {2, "group add: flag provided but not defined"},
		"group remove a b c":              {2, `group remove: want A B after the flags, have ["a" "b" "c"]`},
	} {
		words := strings.Fields(line)
		c := counter()
		if words[0] == "group" {
			c = group()
		}
		var stdout, stderr bytes.Buffer
		c.Flags.SetOutput(&stderr)
		code := c.Execute(t.Context(), words[1:], &stdout, &stderr)
		got, other := &stdout, &stderr
		if code != 0 {
			got, other = &stderr, &stdout
		}
		if code != test.code || !strings.Contains(got.String(), test.want) || other.Len() > 0 || code != 0 && strings.Count(got.String(), "\n") != 1 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want %d and %q", line, code, &stdout, &stderr, test.code, test.want)
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
	need.NoError(t, err)
	cmd = exec.CommandContext(t.Context(), program, "-test.run=^TestSignals$")
	cmd.Env = append(os.Environ(), waits+"="+how)
	stderr = new(bytes.Buffer)
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	need.NoError(t, err)
	need.NoError(t, cmd.Start())
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
		need.NoError(t, cmd.Process.Signal(s))
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

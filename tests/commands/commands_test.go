// Package commands_test holds every command of the repository to one behaviour: help that says what to know, and an answer
// in one line to what is wrong.
package commands_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.com/pause/tests/lib/need"
)

// execute runs a command and returns its exit code, what it prints and what it says on stderr.
func execute(t *testing.T, argv ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), said.String()
}

// each calls test for every command, and for every command within one: with the words that start it, and its help.
func each(t *testing.T, test func(t *testing.T, call []string, help string)) {
	t.Helper()
	paths := strings.Fields(os.Getenv("PAUSE_COMMANDS"))
	need.That(t, len(paths) > 0, "PAUSE_COMMANDS is not set: it names the programs, which bazel test builds")
	for _, path := range paths {
		program, err := runfiles.Rlocation(path)
		if err != nil {
			t.Fatal(err)
		}
		within(t, []string{program}, test)
	}
}

// line is the name of a command within another, in the part of the help that lists them.
var line = regexp.MustCompile(`(?m)^  ([a-z]+) .*$`)

func within(t *testing.T, call []string, test func(t *testing.T, call []string, help string)) {
	t.Helper()
	name := strings.Join(append([]string{filepath.Base(call[0])}, call[1:]...), "_")
	_, help, _ := execute(t, append(call, "--help")...)
	t.Run(name, func(t *testing.T) { test(t, call, help) })
	_, list, _ := strings.Cut(help, "\nCommands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	for _, found := range line.FindAllStringSubmatch(list, -1) {
		within(t, append(call[:len(call):len(call)], found[1]), test)
	}
}

// --help, -h and help print the usage, examples and exit codes, and are no error.
func TestHelp(t *testing.T) {
	each(t, func(t *testing.T, call []string, help string) {
		for _, ask := range []string{"--help", "-h", "help"} {
			code, stdout, stderr := execute(t, append(call[:len(call):len(call)], ask)...)
			if code != 0 || stderr != "" || stdout != help {
				t.Errorf("%s: exit code %d, stderr %q, stdout\n%s", ask, code, stderr, stdout)
			}
		}
		for _, want := range []string{`^Usage: \S`, `\n\nExamples:\n  \S`, `\n\nExit codes:\n  0  \S.*\n  1  \S.*\n  2  \S`} {
			if !regexp.MustCompile(want).MatchString(help) {
				t.Errorf("the help has no %q:\n%s", want, help)
			}
		}
		if wrong := regexp.MustCompile(`(?m)^  -\w\w.*`).FindString(help); wrong != "" {
			t.Errorf("a flag with one dash: %s", wrong)
		}
	})
}

// refused checks that a command says want in one line, does nothing, and exits with 2.
func refused(t *testing.T, call []string, flag, want string) {
	t.Helper()
	code, stdout, stderr := execute(t, append(call[:len(call):len(call)], flag)...)
	if code != 2 || stdout != "" || !strings.HasSuffix(stderr, want+"\n") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%s: exit code %d, stdout %q, stderr %q; want 2 and one line that ends in %q", flag, code, stdout, stderr, want)
	}
}

// A flag that is none is refused.
func TestUnknownFlag(t *testing.T) {
	each(t, func(t *testing.T, call []string, _ string) {
		refused(t, call, "--no-such-flag=1", "unknown flag --no-such-flag; --help lists them")
	})
}

// flags are those that a help lists.
var flags = regexp.MustCompile(`(?m)^  --([a-z-]+)`)

// A flag with a slip of the finger is refused, and the command says which one was meant.
func TestNearMiss(t *testing.T) {
	each(t, func(t *testing.T, call []string, help string) {
		for _, found := range append(flags.FindAllStringSubmatch(help, -1), []string{"", "help"}) {
			name := found[1]
			slip := "--" + name[:1] + "x" + name[1:]
			refused(t, call, slip+"=1", "unknown flag "+slip+"; did you mean --"+name+"?")
		}
	})
}

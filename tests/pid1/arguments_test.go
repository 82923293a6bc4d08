package pid1_test

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pid1"
)

// versionLine is what -v prints.
var versionLine = regexp.MustCompile(`^pause [0-9A-Za-z][0-9A-Za-z.+_-]*\n$`)

// printed runs spec, expects exit status 0, and returns what it printed.
func printed(t *testing.T, spec pid1.Spec) string {
	t.Helper()
	read, write, err := os.Pipe()
	need.NoError(t, err)
	defer read.Close()
	defer write.Close()
	spec.Stdout = write
	p := start(t, spec)
	exits(t, p)
	need.NoError(t, write.Close())
	text, err := io.ReadAll(read)
	need.NoError(t, err)
	return string(text)
}

// With -v as the only argument it prints its name and version, and exits 0.
func TestVersion(t *testing.T) {
	everywhere(t, func(t *testing.T, s subject) {
		for _, place := range places {
			for _, argv0 := range []string{s.bin, "/pause", ""} {
				t.Run(fmt.Sprintf("%s/argv0=%q", place.name, argv0), func(t *testing.T) {
					spec := s.spec(argv0, "-v")
					spec.Ordinary = place.ordinary
					got := printed(t, spec)
					if !versionLine.MatchString(got) {
						t.Errorf("printed %q; want a line like %q", got, "pause 1.0.0\n")
					}
				})
			}
		}
	})
}

// Where it cannot print its version, it exits with a status other than 0.
func TestVersionNotWritten(t *testing.T) {
	native(t, func(t *testing.T, s subject) {
		for name, open := range map[string]func() (*os.File, error){
			"disk full":         func() (*os.File, error) { return os.OpenFile("/dev/full", os.O_WRONLY, 0) },
			"not open to write": func() (*os.File, error) { return os.Open(os.DevNull) },
		} {
			t.Run(name, func(t *testing.T) {
				stdout, err := open()
				need.NoError(t, err)
				defer stdout.Close()
				fails(t, start(t, pid1.Spec{Argv: []string{s.bin, "-v"}, Stdout: stdout}))
			})
		}
	})
}

// Any other arguments are ignored: it sleeps, and leaves when asked.
func TestOtherArguments(t *testing.T) {
	cases := map[string][]string{
		"none":              {"/pause"},
		"one":               {"/pause", "x"},
		"two":               {"/pause", "x", "y"},
		"-v and another":    {"/pause", "-v", "x"},
		"another and -v":    {"/pause", "x", "-v"},
		"-v twice":          {"/pause", "-v", "-v"},
		"--version":         {"/pause", "--version"},
		"-vv":               {"/pause", "-vv"},
		"-V":                {"/pause", "-V"},
		"-":                 {"/pause", "-"},
		"v":                 {"/pause", "v"},
		"v-":                {"/pause", "v-"},
		"empty":             {"/pause", ""},
		"empty name":        {""},
		"-v as name":        {"-v"},
		"-v as name, twice": {"-v", "x", "-v"},
	}
	everywhere(t, func(t *testing.T, s subject) {
		for name, argv := range cases {
			t.Run(name, func(t *testing.T) {
				p := s.asleep(t, s.spec(argv...))
				leaves(t, p, unix.SIGTERM)
			})
		}
	})
}

// Without any arguments, not even argv[0], it sleeps, and leaves when asked.
func TestNoArguments(t *testing.T) {
	native(t, func(t *testing.T, s subject) {
		p := s.asleep(t, pid1.Spec{Path: s.bin, Argv: []string{s.bin}, Scene: &pid1.Scene{NoArgv: true}})
		leaves(t, p, unix.SIGTERM)
	})
}

// Package bazelw tests which Bazel the script bazelw takes, that it hands everything on to it, and what it says where there is
// none to be had. The programs that it finds are stand-ins, and it runs in a checkout of its own that has nothing but what
// it reads; that sealed mode works is shown by every build in it.
package bazelw

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
)

// root is the folder of the sources, as seen from this test's own.
const root = "../.."

// version is what the stand-ins for Bazel must say to be taken.
const version = "1.2.3"

// tools are the programs of the machine that bazelw calls before it takes a Bazel.
var tools = []string{"bash", "cat", "cp", "cut", "dirname", "find", "id", "md5sum", "mkdir", "mktemp", "rm", "sed", "sha256sum", "sort", "timeout", "touch", "true"}

// bazel is a stand-in: it says the version $1, or else its name, where it is called, its arguments and standard input, and
// exits with 7.
func bazel(says string) string {
	return "#!/bin/bash\nif [[ $1 == --version ]]; then echo 'bazel " + says + "'; exit; fi\n" +
		`echo "${0##*/} in $PWD:$(printf ' <%s>' "$@") $(cat)"; exit 7` + "\n"
}

// machine are stand-ins for the programs that tell what machine it is: one that sealed mode works on.
var machine = map[string]string{
	"uname":   "#!/bin/bash\n[[ $1 == -s ]] && echo Linux || echo x86_64\n",
	"unshare": "#!/bin/bash\n",
}

// noGo is a go command that reaches nothing.
const noGo = "#!/bin/bash\necho looking\necho no such module\nexit 1\n"

func TestBazelw(t *testing.T) {
	for _, test := range []struct {
		name     string
		programs map[string]string // on PATH, or in the checkout if the name begins with "./"; by name
		env      []string
		args     []string
		code     int
		stdout   string // all of it, with DIR for the checkout
		stderr   string // a part of it
		quiet    bool   // nothing else on standard error than one line
	}{
		{
			"the variable BAZEL",
			map[string]string{"./mine": bazel("0"), "bazel": bazel(version)},
			[]string{"BAZEL=./../mine"},
			[]string{"build", "a b", ""},
			7,
			"mine in DIR/sub: <build> <a b> <> input\n", "taking ./../mine: the variable BAZEL says so", true,
		},
		{
			"bazelisk first",
			map[string]string{"bazelisk": bazel(version), "bazel": bazel(version)},
			nil,
			[]string{"test", "//..."},
			7,
			"bazelisk in DIR/sub: <test> <//...> input\n", "it is on PATH and gives bazel " + version, true,
		},
		{
			"bazel",
			map[string]string{"bazel": bazel(version + "- (@non-git)")},
			nil,
			[]string{"info"},
			7,
			"bazel in DIR/sub: <info> input\n", "it is on PATH and gives bazel " + version, true,
		},
		{
			"another version asked for",
			map[string]string{"bazelisk": bazel("9.9.9")},
			[]string{"USE_BAZEL_VERSION=9.x"},
			[]string{"info"},
			7,
			"bazelisk in DIR/sub: <info> input\n", "it is on PATH and gives bazel 9.9.9", true,
		},
		{
			"another version, online",
			map[string]string{"bazel": bazel("1.2.4")},
			nil,
			[]string{"--online", "info"},
			36,
			"", "bazel does not give Bazel 1.2.3; there is no go command to get Bazelisk with; install Bazelisk", true,
		},
		{
			"a version that begins alike",
			map[string]string{"bazel": bazel(version + "0"), "go": noGo},
			nil,
			[]string{"--online", "info"},
			36,
			"", "bazel does not give Bazel 1.2.3; Bazelisk's download of Bazel 1.2.3 cannot be reached; install Bazelisk", true,
		},
		{
			"nothing", nil, nil,
			[]string{"info"},
			36,
			"", "sealed mode needs the go command (any version from 1.21 on) to make its root; install Go", false,
		},
		{
			"no download, no module proxy",
			map[string]string{"go": noGo},
			nil,
			[]string{"info"},
			36,
			"", "the program that makes the sealed root does not build (no such module); mend that, or see whether the Go module proxy is up", false,
		},
		{
			"another system",
			map[string]string{"uname": "#!/bin/bash\necho Darwin\n"},
			nil,
			[]string{"--sealed", "info"},
			36,
			"", "sealed mode runs on Linux on x86-64 only; install Bazelisk", false,
		},
		{
			"no namespaces",
			map[string]string{"unshare": "#!/bin/bash\nexit 1\n"},
			nil,
			[]string{"--sealed", "info"},
			36,
			"", "and this machine refuses", false,
		},
		{
			"nobody knows the download's host",
			map[string]string{"getent": "#!/bin/bash\nexit 2\n", "go": noGo},
			nil,
			[]string{"--online", "info"},
			36,
			"", "Bazelisk's download of Bazel 1.2.3 cannot be reached; install Bazelisk", true,
		},
		{
			"BAZEL is none", nil,
			[]string{"BAZEL=nowhere"},
			[]string{"info"},
			36,
			"", "the variable BAZEL names nowhere, which is no program; correct it, or unset it", true,
		},
		{
			"mode is none", nil,
			[]string{"BAZELW_MODE=closed"},
			[]string{"info"},
			36,
			"", "BAZELW_MODE is 'closed'; it can be sealed or online", true,
		},
		{
			"cache cannot be made",
			map[string]string{"go": noGo, "./file": ""},
			[]string{"BAZELW_CACHE=../file/cache"},
			[]string{"--sealed", "info"},
			36,
			"", "file/cache cannot be written; set BAZELW_CACHE to a folder that can be", false,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Only sealed mode says more than a line, and only on Linux are the programs that it calls to be expected.
			need.That(t, test.quiet || runtime.GOOS == "linux", "this machine does not run Linux")
			dir, path := checkout(t, test.programs)
			code, stdout, stderr := call(t, dir, append(test.env, "PATH="+path), test.args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if want := strings.ReplaceAll(test.stdout, "DIR", dir); stdout != want {
				t.Errorf("stdout is %q, want %q", stdout, want)
			}
			if !strings.Contains(stderr, test.stderr) || test.quiet && strings.Count(stderr, "\n") > 1+strings.Count(stderr, "looking whether") {
				t.Errorf("stderr is %q, want %q", stderr, test.stderr)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "home/.cache/pause-sealed/*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// --help is of bazelw itself, and says all that it heeds.
func TestHelp(t *testing.T) {
	dir, path := checkout(t, nil)
	code, stdout, stderr := call(t, dir, []string{"PATH=" + path}, "--help")
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	for _, want := range []string{"--sealed", "--online", "BAZEL ", "BAZELW_CACHE", "BAZELW_MODE", "USE_BAZEL_VERSION", "Examples:", "exit code"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the help does not have %q:\n%s", want, stdout)
		}
	}
}

// checkout makes a folder with bazelw, what it reads, a folder sub, and a folder of programs, whose path it returns too.
func checkout(t *testing.T, programs map[string]string) (dir, path string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "programs")
	script, err := os.ReadFile(filepath.Join(root, "bazelw"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"bazelw": string(script), ".bazelversion": version + "\n", "go.mod": "module m\n\ngo 1.26.0\n",
		"sealed/packages.txt": "", "sealed/go_modules.txt": "", "sealed/prepare/main.go": "", "sub/file": "",
	}
	for name, content := range machine {
		files["programs/"+name] = content
	}
	for name, content := range programs {
		if local, ok := strings.CutPrefix(name, "./"); ok {
			files[local] = content
		} else {
			files["programs/"+name] = content
		}
	}
	for name, content := range files {
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tool := range tools {
		// Not every system has timeout; bazelw does without.
		if found, err := exec.LookPath(tool); err == nil {
			if err := os.Symlink(found, filepath.Join(path, tool)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir, path
}

// call runs bazelw in the folder sub of the checkout, with a home folder that is not there yet, and "input" on standard input.
func call(t *testing.T, dir string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "bazelw"), args...)
	cmd.Dir = filepath.Join(dir, "sub")
	cmd.Env = append(env, "HOME="+filepath.Join(dir, "home"))
	cmd.Stdin = strings.NewReader("input")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), said.String()
}

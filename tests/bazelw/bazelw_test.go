// Package bazelw tests which Bazel the script bazelw takes, that it hands everything on to it, and what it says where there is
// none to be had. The programs that it finds are stand-ins, and it runs in a checkout of its own that has nothing but what
// it reads. Every build in sealed mode shows that sealed mode works.
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
var tools = []string{"bash", "cat", "cmp", "cp", "cut", "dirname", "find", "grep", "id", "md5sum", "mkdir", "mktemp", "readlink", "rm", "sed", "sha256sum", "sleep", "sort", "touch", "true"}

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

// slow begins a stand-in whose answer takes longer than one second, and than two without a byte.
const slow = "#!/bin/bash\n" + `if [[ $1 == --version ]]; then for i in {1..35}; do read -r line <"$0"; sleep 0.1; done; fi` + "\n"

// noGo is a go command that reaches nothing.
const noGo = "#!/bin/bash\necho looking\necho no such module\nexit 1\n"

func TestBazelw(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		programs map[string]string // on PATH, or in the checkout if the name begins with "./"; by name
		env      []string
		args     []string // "info" alone if there are none
		stdout   string   // all of it, with DIR for the checkout; the exit code is that of the stand-in then, or else 36
		stderr   string   // a part of it
		sealed   bool     // sealed mode has its say; else there is one line on standard error and nothing else
	}{
		{
			name:     "the variable BAZEL",
			programs: map[string]string{"./mine": bazel("0"), "bazel": bazel(version)},
			env:      []string{"BAZEL=./../mine"},
			args:     []string{"build", "a b", ""},
			stdout:   "mine in DIR/sub: <build> <a b> <> input\n",
			stderr:   "taking ./../mine: the variable BAZEL says so",
		},
		{
			name:     "bazelisk first",
			programs: map[string]string{"bazelisk": bazel(version), "bazel": bazel(version)},
			args:     []string{"test", "//..."},
			stdout:   "bazelisk in DIR/sub: <test> <//...> input\n",
			stderr:   "it is on PATH and gives bazel " + version,
		},
		{
			name:     "bazel",
			programs: map[string]string{"bazel": bazel(version + "- (@non-git)")},
			stdout:   "bazel in DIR/sub: <info> input\n",
			stderr:   "it is on PATH and gives bazel " + version,
		},
		{
			name:     "an early version of the one asked for",
			programs: map[string]string{"bazel": bazel("9.0.0-pre.20250101.1")},
			env:      []string{"USE_BAZEL_VERSION=9.0.0"},
			args:     []string{"--online", "info"},
			stderr:   "bazel does not give Bazel 9.0.0; there is no go command to get Bazelisk with; install Bazelisk",
		},
		{
			name:     "a major version asked for",
			programs: map[string]string{"bazel": bazel("9.12.3")},
			env:      []string{"USE_BAZEL_VERSION=9.x"},
			stdout:   "bazel in DIR/sub: <info> input\n",
			stderr:   "it is on PATH and gives bazel 9.12.3",
		},
		{
			name:     "another major version",
			programs: map[string]string{"bazel": bazel("90.12.3")},
			env:      []string{"USE_BAZEL_VERSION=9.*"},
			args:     []string{"--online", "info"},
			stderr:   "bazel does not give Bazel 9.*; there is no go command",
		},
		{
			name:     "a word that only Bazelisk knows",
			programs: map[string]string{"bazelisk": bazel("9.12.3"), "bazel": bazel("9.12.3")},
			env:      []string{"USE_BAZEL_VERSION=latest"},
			stdout:   "bazelisk in DIR/sub: <info> input\n",
			stderr:   "it is on PATH and gives bazel 9.12.3",
		},
		{
			name:     "a word that only Bazelisk knows, and no Bazelisk",
			programs: map[string]string{"bazel": bazel("9.12.3")},
			env:      []string{"USE_BAZEL_VERSION=latest"},
			args:     []string{"--online", "info"},
			stderr:   "bazel does not give Bazel latest; there is no go command",
		},
		{
			name:     "a slow download",
			programs: map[string]string{"bazelisk": slow + bazel(version)},
			env:      []string{"BAZELW_PATIENCE=2"},
			stdout:   "bazelisk in DIR/sub: <info> input\n",
			stderr:   "it is on PATH and gives bazel " + version,
		},
		{
			name:   "patience is none",
			env:    []string{"BAZELW_PATIENCE=long"},
			stderr: "BAZELW_PATIENCE is 'long'; it is a number of seconds",
		},
		{
			name:     "a version that begins alike",
			programs: map[string]string{"bazel": bazel(version + "0"), "go": noGo},
			args:     []string{"--online", "info"},
			stderr:   "bazel does not give Bazel 1.2.3; Bazelisk cannot download Bazel 1.2.3; install Bazelisk",
		},
		{
			name:   "nothing",
			stderr: "sealed mode needs the go command (any version from 1.21 on) to make its root; install Go",
			sealed: true,
		},
		{
			name:     "no download, no module proxy",
			programs: map[string]string{"go": noGo},
			stderr:   "the program that makes the sealed root does not build (no such module); mend that, or see whether the Go module proxy is up",
			sealed:   true,
		},
		{
			name:     "another system",
			programs: map[string]string{"uname": "#!/bin/bash\necho Darwin\n"},
			args:     []string{"--sealed", "info"},
			stderr:   "sealed mode runs on Linux on x86-64 only; install Bazelisk",
			sealed:   true,
		},
		{
			name:     "no namespaces",
			programs: map[string]string{"unshare": "#!/bin/bash\nexit 1\n"},
			args:     []string{"--sealed", "info"},
			stderr:   "and this machine refuses",
			sealed:   true,
		},
		{
			name:     "nobody knows the download's host",
			programs: map[string]string{"getent": "#!/bin/bash\nexit 2\n", "go": noGo},
			args:     []string{"--online", "info"},
			stderr:   "Bazelisk cannot download Bazel 1.2.3; install Bazelisk",
		},
		{
			name:   "BAZEL is none",
			env:    []string{"BAZEL=nowhere"},
			stderr: "the variable BAZEL names nowhere, which is no program; correct it, or unset it",
		},
		{
			name:   "mode is none",
			env:    []string{"BAZELW_MODE=closed"},
			stderr: "BAZELW_MODE is 'closed'; it can be sealed or online",
		},
		{
			name:     "cache cannot be made",
			programs: map[string]string{"go": noGo, "./file": ""},
			env:      []string{"BAZELW_CACHE=../file/cache"},
			args:     []string{"--sealed", "info"},
			stderr:   "file/cache cannot be written; set BAZELW_CACHE to a folder that can be",
			sealed:   true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// Only on Linux are the programs that sealed mode calls to be expected.
			need.That(t, !test.sealed || runtime.GOOS == "linux", "this machine does not run Linux")
			if test.args == nil {
				test.args = []string{"info"}
			}
			wantCode := 36
			if test.stdout != "" {
				wantCode = 7
			}
			dir, path := checkout(t, test.programs)
			code, stdout, stderr := call(t, dir, append(test.env, "PATH="+path), test.args...)
			if code != wantCode {
				t.Errorf("exit code %d, want %d", code, wantCode)
			}
			if want := strings.ReplaceAll(test.stdout, "DIR", dir); stdout != want {
				t.Errorf("stdout is %q, want %q", stdout, want)
			}
			if !strings.Contains(stderr, test.stderr) || !test.sealed && strings.Count(stderr, "\n") > 1+strings.Count(stderr, "looking whether") {
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
	t.Parallel()
	dir, path := checkout(t, nil)
	code, stdout, stderr := call(t, dir, []string{"PATH=" + path}, "--help")
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	for _, want := range []string{"--sealed", "--online", "BAZEL ", "BAZELW_CACHE", "BAZELW_MODE", "BAZELW_PATIENCE", "USE_BAZEL_VERSION", "Examples:", "exit code"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the help does not have %q:\n%s", want, stdout)
		}
	}
}

// bazelw finds its checkout from wherever and by whatever name it is called.
func TestWorkspace(t *testing.T) {
	t.Parallel()
	dir, path := checkout(t, map[string]string{"bazel": bazel(version)})
	at, name := filepath.Split(dir)
	for link, target := range map[string]string{"near": "bazelw", "sub/far": "../near"} {
		need.NoError(t, os.Symlink(target, filepath.Join(dir, link)))
	}
	for _, test := range []struct{ in, call string }{
		{at, "CDPATH=. " + name + "/bazelw"},
		{at, "CDPATH=" + at + " bash " + name + "/bazelw"},
		{dir, "bash bazelw"},
		{dir, "./near"},
		{at, name + "/sub/far"},
	} {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", "export PATH="+path+"; "+test.call+" info </dev/null")
		cmd.Dir = test.in
		out, _ := cmd.CombinedOutput()
		if want := "gives bazel " + version; cmd.ProcessState.ExitCode() != 7 || !strings.Contains(string(out), want) {
			t.Errorf("%s in %s: exit code %d, want 7; it says %q, want %q", test.call, test.in, cmd.ProcessState.ExitCode(), out, want)
		}
	}
}

// A clone runs where git is set up to write the line ends of Windows.
func TestLineEnds(t *testing.T) {
	t.Parallel()
	git := need.Program(t, "git", "git")
	dir, path := checkout(t, map[string]string{"bazel": bazel(version)})
	clone := filepath.Join(t.TempDir(), "clone")
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "."},
		{"-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--message=all"},
		{"clone", "--quiet", "--config=core.autocrlf=true", ".", clone},
	} {
		cmd := exec.CommandContext(t.Context(), git, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	if code, _, stderr := call(t, clone, []string{"PATH=" + path}, "info"); code != 7 {
		t.Errorf("exit code %d, want 7; stderr is %q", code, stderr)
	}
}

// Stand-ins that sealed mode works with: a go command that makes a sealed root, with the Bazel of $DEBIAN in it, and keeps a
// record of its calls; and unshare, which says what it was to run in the root.
var sealedMode = map[string]string{
	"go": `#!/bin/bash
echo "$*" >>"${0%/*}/../calls"
case $1 in
  env) printf 'the %s\n' "${@:2}" ;;
  build) cp "${0%/*}/prepare" "$4" ;;
esac
`,
	"prepare": `#!/bin/bash
rm "$0"
for argument; do
  case $argument in
    -cache=*) root=${argument#*=}/$root ;;
    -key=*) root+=${argument#*=} ;;
  esac
done
mkdir -p "$root/rootfs/usr/share/bazel"
echo "$DEBIAN" >"$root/rootfs/usr/share/bazel/build-label.txt"
cd "$root" && find . ! -type d ! -path ./manifest -printf '%y %s %P\n' | LC_ALL=C sort >manifest
`,
	"unshare": `#!/bin/bash
[[ ${!#} == true ]] && exit
while [[ $1 != GOPROXY=* ]]; do shift; done
printf '<%s>' "$@"
exit 7
`,
}

// Sealed mode takes the Bazel that Debian has, and says so if it is not that of .bazelversion; but not if the user asks for another.
func TestSealed(t *testing.T) {
	t.Parallel()
	need.That(t, runtime.GOOS == "linux", "this machine does not run Linux")
	const prepared = "sealed mode: prepared here before"
	for _, test := range []struct {
		name   string
		debian string   // the version of Debian's Bazel
		env    []string // of the second call; the first makes the root
		args   []string
		code   int
		stdout string // a part of it
		stderr string // a part of it
	}{
		{"the usual one", version, nil, []string{"build", "x"}, 7, "<GOPROXY=the GOPROXY><GOSUMDB=the GOSUMDB><GONOSUMDB=the GONOSUMDB><bazel><--nosystem_rc>", prepared},
		{"its own arguments", version, nil, []string{"build", "x"}, 7, "/bazelrc><build><x>", prepared},
		{"another one", "1.3.0", nil, []string{"build"}, 7, "<build>", "Debian has Bazel 1.3.0, and .bazelversion names 1.2.3;"},
		{"the one asked for", "1.3.0", []string{"USE_BAZEL_VERSION=1.3.0"}, []string{"build"}, 7, "<build>", prepared},
		{"the major version asked for", "1.3.0", []string{"USE_BAZEL_VERSION=1.x"}, []string{"--sealed", "build"}, 7, "<build>", "sealed mode: asked for"},
		{"not the one asked for", version, []string{"USE_BAZEL_VERSION=9.0.0"}, []string{"--sealed", "build"}, 36, "", "USE_BAZEL_VERSION asks for Bazel 9.0.0, and sealed mode has that of Debian, 1.2.3; unset USE_BAZEL_VERSION"},
		{"not the one asked for, nor online", version, []string{"USE_BAZEL_VERSION=latest"}, []string{"build"}, 36, "", "USE_BAZEL_VERSION asks for Bazel latest, and sealed mode has that of Debian, 1.2.3; unset USE_BAZEL_VERSION"},
		{"not the one asked for, but online", version, []string{"USE_BAZEL_VERSION=9.0.0", "ONLINE=9.0.0"}, []string{"build"}, 7, "<build>", "it is on PATH and gives bazel 9.0.0"},
		{"its version", "1.3.0", nil, []string{"version"}, 0, "Build label: 1.3.0\n", prepared},
		{"its version, as GNU has it", "1.3.0", nil, []string{"version", "--gnu_format"}, 0, "bazel 1.3.0\n", prepared},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir, path := checkout(t, sealedMode)
			env := append(test.env, "PATH="+path, "DEBIAN="+test.debian)
			if code, _, stderr := call(t, dir, env[len(test.env):], "--sealed", "build"); code != 7 {
				t.Fatalf("making the root: exit code %d, want 7; it says %q", code, stderr)
			}
			if len(test.env) == 2 {
				writeFile(t, filepath.Join(path, "bazelisk"), bazel("9.0.0"))
			}
			need.NoError(t, os.Remove(filepath.Join(dir, "calls")))
			code, stdout, stderr := call(t, dir, env, test.args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout, test.stdout) {
				t.Errorf("stdout is %q, want %q", stdout, test.stdout)
			}
			if !strings.Contains(stderr, test.stderr) {
				t.Errorf("stderr is %q, want %q", stderr, test.stderr)
			}
			if calls, _ := os.ReadFile(filepath.Join(dir, "calls")); strings.Count(string(calls), "env ") > 1 || strings.Contains(string(calls), "build ") {
				t.Errorf("the go command was called more often than once: %q", calls)
			}
		})
	}
}

// checkout makes a folder with bazelw, what it reads, a folder sub, and a folder of programs, whose path it returns too.
func checkout(t *testing.T, programs map[string]string) (dir, path string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	need.NoError(t, err)
	path = filepath.Join(dir, "programs")
	files := map[string]string{
		".bazelversion": version + "\n", "go.mod": "module m\n\ngo 1.26.0\n", "MODULE.bazel": "",
		"sealed/packages.txt": "", "sealed/go_modules.txt": "", "sealed/prepare/main.go": "", "sub/file": "",
	}
	for _, name := range []string{".gitattributes", "bazelw", "sealed/bazelw.sh"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		need.NoError(t, err)
		files[name] = string(content)
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
		writeFile(t, filepath.Join(dir, name), content)
	}
	for _, tool := range tools {
		// Not every system has all of them; bazelw does without.
		if found, err := exec.LookPath(tool); err == nil {
			need.NoError(t, os.Symlink(found, filepath.Join(path, tool)))
		}
	}
	return dir, path
}

// writeFile writes a program, and the folders above it.
func writeFile(t *testing.T, name, content string) {
	t.Helper()
	need.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	need.NoError(t, os.WriteFile(name, []byte(content), 0o755))
}

// command is bazelw in the folder sub of the checkout, with a home folder that is not there yet, and "input" on standard input.
func command(t *testing.T, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "bazelw"), args...)
	cmd.Dir = filepath.Join(dir, "sub")
	cmd.Env = append(env, "HOME="+filepath.Join(dir, "home"))
	cmd.Stdin = strings.NewReader("input")
	return cmd
}

// call runs command, and returns what it said.
func call(t *testing.T, dir string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := command(t, dir, env, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), said.String()
}

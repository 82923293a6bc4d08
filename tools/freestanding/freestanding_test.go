package freestanding

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.com/pause/tests/lib/need"
)

// config is a configuration that works: the program in folder pause, for amd64. Under Bazel the environment has the runfiles
// paths of the Go SDK's file ROOT and of the sources; without it the go command on PATH knows both.
func config(t testing.TB) Config {
	t.Helper()
	c := Config{GOARCH: "amd64", Program: "pause", Version: "1.0.0"}
	if root := os.Getenv("PAUSE_GO_SDK"); root != "" {
		for _, path := range append(strings.Fields(os.Getenv("PAUSE_GO_SOURCES")), root) {
			file, err := runfiles.Rlocation(path)
			need.NoError(t, err)
			c.Srcs = append(c.Srcs, file)
		}
		c.SDK, c.Srcs = filepath.Dir(c.Srcs[len(c.Srcs)-1]), c.Srcs[:len(c.Srcs)-1]
		return c
	}
	out, err := exec.Command("go", "env", "GOROOT").Output()
	need.NoError(t, err)
	c.SDK = strings.TrimSpace(string(out))
	for _, pattern := range []string{"*.go", "*.s"} {
		files, _ := filepath.Glob(filepath.Join("..", "..", "pause", pattern)) // such a pattern is no error
		c.Srcs = append(c.Srcs, files...)
	}
	return c
}

// mustBuild returns the program.
func mustBuild(t *testing.T, c Config) []byte {
	t.Helper()
	program, err := Build(c)
	if err != nil {
		t.Fatalf("%s %s on %s: %v", c.Program, c.Version, c.GOARCH, err)
	}
	return program
}

// changed copies the sources into a new folder, each with its text as change returns it, and returns them in another order.
func changed(t *testing.T, srcs []string, change func(name, text string) string) (copies []string) {
	t.Helper()
	dir := t.TempDir()
	for _, src := range srcs {
		content, err := os.ReadFile(src)
		need.NoError(t, err)
		to := filepath.Join(dir, filepath.Base(src))
		need.NoError(t, os.WriteFile(to, []byte(change(filepath.Base(src), string(content))), 0o666))
		copies = append([]string{to}, copies...)
	}
	return copies
}

// TestSameBytes: the folder of the sources, their order and the environment make no difference.
func TestSameBytes(t *testing.T) {
	c := config(t)
	want := mustBuild(t, c)
	c.Srcs = changed(t, c.Srcs, func(_, text string) string { return text })
	t.Setenv("GOFLAGS", "-race")
	t.Setenv("GOAMD64", "v3")
	t.Setenv("GOEXPERIMENT", "noregabiwrappers")
	if !bytes.Equal(mustBuild(t, c), want) {
		t.Error("another folder, order and environment gave other bytes")
	}
}

// TestText: names and versions of every length are part of the program, and the program is called by no other name.
func TestText(t *testing.T) {
	c := config(t)
	for _, text := range []string{"pause 1", "pause 1.0", "pause 12345678", "pause 1.0.0-rc.10", "pause v1.2.3-20261123+dirt", "sleep 2"} {
		for _, goarch := range []string{"amd64", "s390x", "mips64le"} {
			c.GOARCH = goarch
			c.Program, c.Version, _ = strings.Cut(text, " ")
			program := mustBuild(t, c)
			if !bytes.Contains(program, []byte(text+"\n")) || c.Program != "pause" && bytes.Contains(program, []byte("pause")) {
				t.Errorf("%s on %s: that is not the text in the program", text, c.GOARCH)
			}
		}
	}
}

// TestVersionRuns: on this machine's architecture, -v prints versions of lengths that other numbers of the program could
// be mistaken for: the size of a signal set and the number of SIGCHLD.
func TestVersionRuns(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("skipped: the program runs on Linux only")
	}
	c := config(t)
	c.GOARCH = runtime.GOARCH
	for _, size := range []int{8, 9, 16, 17, 18} {
		c.Version = strings.Repeat("1", size-len("pause \n"))
		path := filepath.Join(t.TempDir(), "pause")
		need.NoError(t, os.WriteFile(path, mustBuild(t, c), 0o777))
		out, err := exec.Command(path, "-v").Output()
		if err != nil || string(out) != "pause "+c.Version+"\n" {
			t.Errorf("got %q, %v; want the version %s", out, err, c.Version)
		}
	}
}

// TestRefused: sources that are not freestanding are refused, and the message names what is wrong, and the trick that it
// would break.
func TestRefused(t *testing.T) {
	for name, test := range map[string]struct{ from, to, want string }{
		"variable":  {"result := int(a)", "result := int(a); counter++", "main.counter"},
		"constant":  {"result := int(a)", "result := int(a); if a == 7 { a = table[c&3] }", "main.table"},
		"string":    {"result := int(a)", "result := int(a); if a == 7 { s = (*stack)(unsafe.Pointer(unsafe.StringData(`text`))) }", "section .rodata"},
		"runtime":   {"result := int(a)", "result := int(a); if a == 7 { panic(a) }", "hidden runtime"},
		"no next":   {"func next(", "func other(", "next"},
		"type":      {"result := int(a)", "result := a", "compile"},
		"separated": {"func start(", "func between() {}\n\n//go:nosplit\nfunc start(", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(t)
			c.Srcs = changed(t, c.Srcs, func(name, text string) string {
				if name != "pause.go" {
					return text
				}
				if !strings.Contains(text, test.from) {
					t.Fatalf("pause.go has no %q any more", test.from)
				}
				text = strings.Replace(text, test.from, test.to, 1)
				text = strings.Replace(text, "\nfunc next(_", "\nfunc next(c", 1)
				text = strings.Replace(text, "s *stack, _, d uintptr", "s *stack, c, d uintptr", 1)
				return text + "\nvar counter int\n\nvar table = [4]uintptr{3, 1, 4, 1}\n"
			})
			_, err := Build(c)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("error is %v; want none: nothing refers to the function, so it is left out", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error is %v; want one that contains %q", err, test.want)
			}
		})
	}
}

// TestConfig: a configuration that cannot work is refused with what to do.
func TestConfig(t *testing.T) {
	long := strings.Repeat("a", 65)
	only := func(c *Config, extension string) {
		c.Srcs = slices.DeleteFunc(c.Srcs, func(file string) bool { return filepath.Ext(file) != extension })
	}
	for want, change := range map[string]func(*Config){
		"unknown architecture":              func(c *Config) { c.GOARCH = "vax" },
		"no assembly for amd64":             func(c *Config) { only(c, ".go") },
		"no Go file for amd64":              func(c *Config) { only(c, ".s") },
		"program \"\" has 0":                func(c *Config) { c.Program = "" },
		"program \"a b\" has the":           func(c *Config) { c.Program = "a b" },
		"program \"" + long + "\" has 65":   func(c *Config) { c.Program = long },
		"version \"1.0\\n\" has the":        func(c *Config) { c.Version = "1.0\n" },
		"version \"é\" has the":             func(c *Config) { c.Version = "é" },
		"version \"" + long[:21] + "\" has": func(c *Config) { c.Version = long[:21] },
		"is no Go SDK":                      func(c *Config) { c.SDK = t.TempDir() },
	} {
		c := config(t)
		change(&c)
		if _, err := Build(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v; want one that contains %q", err, want)
		}
	}
}

// TestReleaseTags: a file for a release of Go is built if the SDK is of that release or a later one. The files have an
// error in them, by which it can be seen that they were built.
func TestReleaseTags(t *testing.T) {
	for constraint, built := range map[string]bool{
		"go1.1": true, "go1.21": true, "!go1.21": false, Release: true, Release + "0": false,
	} {
		file := filepath.Join(t.TempDir(), "extra.go")
		source := "//go:build freestanding && " + constraint + "\n\npackage main\n\nconst number int = `text`\n"
		need.NoError(t, os.WriteFile(file, []byte(source), 0o666))
		c := config(t)
		c.Srcs = append(c.Srcs, file)
		_, err := Build(c)
		if got := err != nil && strings.Contains(err.Error(), "extra.go"); got != built {
			t.Errorf("%s: built is %t (%v); want %t", constraint, got, err, built)
		}
	}
}

// TestAnotherSDK: an SDK that does not work is refused with its version and the one that is needed, and what a tool says
// about its flags is one line.
func TestAnotherSDK(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: the tools of the SDK are shell scripts")
	}
	for version, want := range map[string]string{
		"go1.25.14":            "is go1.25.14, but programs without a runtime need go1.26.x",
		"go1.27.4 X:nodwarf5":  "is go1.27.4, but programs without a runtime need go1.26.x",
		"devel go1.28-0a1b2c3": "is devel go1.28-0a1b2c3, but programs without a runtime need go1.26.x",
		Release + ".8":         "asm: exit status 2: flag provided but not defined: -new",
	} {
		c := config(t)
		c.SDK = t.TempDir()
		tools := filepath.Join(c.SDK, "pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH)
		need.NoError(t, os.MkdirAll(tools, 0o777))
		for tool, script := range map[string]string{
			"compile": "#!/bin/sh\necho 'compile version " + version + "'\n",
			"asm":     "#!/bin/sh\nprintf 'flag provided but not defined: -new\\nusage: asm\\n  -a  all\\n'\nexit 2\n",
		} {
			need.NoError(t, os.WriteFile(filepath.Join(tools, tool), []byte(script), 0o777))
		}
		if _, err := Build(c); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "usage") {
			t.Errorf("%s: error is %v; want one with %q", version, err, want)
		}
	}
}

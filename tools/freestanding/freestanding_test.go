package freestanding_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/pause/tools/freestanding"
	"example.com/pause/tools/freestanding/arch"
	"example.com/pause/tools/freestanding/elfpack"
	"example.com/pause/tools/freestanding/sdktest"
)

// budget is the most bytes that a program may have, on any architecture.
const budget = 640

// TestBuild: every architecture builds, within the budget, to a file that debug/elf accepts, with two program headers,
// nothing writable and executable, and a stack that is not executable.
func TestBuild(t *testing.T) {
	sdk, srcs := sdktest.SDK(t), sdktest.Sources(t)
	for _, goarch := range arch.Names() {
		t.Run(goarch, func(t *testing.T) {
			t.Parallel()
			program, err := freestanding.Build(freestanding.Config{SDK: sdk, GOARCH: goarch, Program: "pause", Version: "1.0.0", Srcs: srcs})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes", len(program))
			if len(program) > budget {
				t.Errorf("%d bytes are more than the budget of %d", len(program), budget)
			}
			if !bytes.Contains(program, []byte("pause 1.0.0\n")) {
				t.Error("the version is not in the program")
			}
			f, err := elf.NewFile(bytes.NewReader(program))
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, p := range f.Progs {
				kinds = append(kinds, p.Type.String()+" "+p.Flags.String())
			}
			if got, want := strings.Join(kinds, ", "), "PT_LOAD PF_X+PF_R, PT_GNU_STACK PF_W+PF_R"; got != want {
				t.Errorf("program headers are %s; want %s", got, want)
			}
			if f.Entry < elfpack.TextAddress(elf.ELFCLASS64)-100 || f.Entry >= elfpack.TextAddress(elf.ELFCLASS64)+uint64(len(program)) {
				t.Errorf("e_entry %#x is not in the program", f.Entry)
			}
		})
	}
}

// TestSameBytes: the folder of the sources, their order and the environment make no difference.
func TestSameBytes(t *testing.T) {
	sdk, srcs := sdktest.SDK(t), sdktest.Sources(t)
	build := func(srcs []string) []byte {
		t.Helper()
		program, err := freestanding.Build(freestanding.Config{SDK: sdk, GOARCH: "amd64", Program: "pause", Version: "1.0.0", Srcs: srcs})
		if err != nil {
			t.Fatal(err)
		}
		return program
	}
	want := build(srcs)

	dir := filepath.Join(t.TempDir(), "another", "folder")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	var copies []string
	for _, src := range srcs {
		content, err := os.ReadFile(src)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.Base(src))
		if err := os.WriteFile(to, content, 0o666); err != nil {
			t.Fatal(err)
		}
		copies = append([]string{to}, copies...)
	}
	t.Setenv("GOFLAGS", "-race")
	t.Setenv("GOAMD64", "v3")
	t.Setenv("GOEXPERIMENT", "noregabiwrappers")
	if !bytes.Equal(build(copies), want) {
		t.Error("another folder, order and environment gave other bytes")
	}
}

// TestVersions: versions of every length are part of the program, and what is no version is refused with the reason.
func TestVersions(t *testing.T) {
	sdk, srcs := sdktest.SDK(t), sdktest.Sources(t)
	for _, v := range []string{"1", "1.0", "12345678", "1.0.0-rc.10", "v1.2.3-20261123+dirt"} {
		for _, goarch := range []string{"amd64", "s390x", "mips64le"} {
			program, err := freestanding.Build(freestanding.Config{SDK: sdk, GOARCH: goarch, Program: "pause", Version: v, Srcs: srcs})
			if err != nil {
				t.Errorf("%s on %s: %v", v, goarch, err)
			} else if !bytes.Contains(program, []byte("pause "+v+"\n")) {
				t.Errorf("%s on %s: the version is not in the program", v, goarch)
			}
		}
	}
	for _, v := range []string{"", "1 0", "1.0\n", "é", strings.Repeat("1", 21)} {
		_, err := freestanding.Build(freestanding.Config{SDK: sdk, GOARCH: "amd64", Program: "pause", Version: v, Srcs: srcs})
		if err == nil || !strings.Contains(err.Error(), "version") {
			t.Errorf("version %q: error is %v; want one about the version", v, err)
		}
	}
}

// TestVersionRuns: on this machine's architecture, -v prints versions of lengths that other numbers of the program could
// be mistaken for: the size of a signal set and the number of SIGCHLD.
func TestVersionRuns(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("skipped: the program runs on Linux only")
	}
	sdk, srcs := sdktest.SDK(t), sdktest.Sources(t)
	for _, size := range []int{8, 9, 16, 17, 18} {
		v := strings.Repeat("1", size-len("pause \n"))
		program, err := freestanding.Build(freestanding.Config{SDK: sdk, GOARCH: runtime.GOARCH, Program: "pause", Version: v, Srcs: srcs})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "pause")
		if err := os.WriteFile(path, program, 0o777); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(path, "-v").Output()
		if err != nil || string(out) != "pause "+v+"\n" {
			t.Errorf("got %q, %v; want the version %s", out, err, v)
		}
	}
}

// TestRefused: sources that are not freestanding are refused, and the message names what is wrong, and the trick that it
// would break.
func TestRefused(t *testing.T) {
	sdk, srcs := sdktest.SDK(t), sdktest.Sources(t)
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
			var changed []string
			dir := t.TempDir()
			for _, src := range srcs {
				content, err := os.ReadFile(src)
				if err != nil {
					t.Fatal(err)
				}
				text := string(content)
				if filepath.Base(src) == "pause.go" {
					if !strings.Contains(text, test.from) {
						t.Fatalf("pause.go has no %q any more", test.from)
					}
					text = strings.Replace(text, test.from, test.to, 1)
					text = strings.Replace(text, "\nfunc next(_", "\nfunc next(c", 1)
					text = strings.Replace(text, "s *stack, _, d uintptr", "s *stack, c, d uintptr", 1)
					text += "\nvar counter int\n\nvar table = [4]uintptr{3, 1, 4, 1}\n"
				}
				to := filepath.Join(dir, filepath.Base(src))
				if err := os.WriteFile(to, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
				changed = append(changed, to)
			}
			_, err := freestanding.Build(freestanding.Config{SDK: sdk, GOARCH: "amd64", Program: "pause", Version: "1.0.0", Srcs: changed})
			t.Log(err)
			if test.want == "" {
				if err != nil {
					t.Errorf("error is %v; want none: nothing refers to the function, so it is left out", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v; want one that contains %q", err, test.want)
			}
		})
	}
}

// only returns the files whose names end so.
func only(files []string, ending string) []string {
	return slices.DeleteFunc(slices.Clone(files), func(file string) bool { return filepath.Ext(file) != ending })
}

// TestProgram: another program is called by its own name.
func TestProgram(t *testing.T) {
	program, err := freestanding.Build(freestanding.Config{
		SDK: sdktest.SDK(t), GOARCH: "amd64", Program: "sleep", Version: "2", Srcs: sdktest.Sources(t),
	})
	if err != nil || !bytes.Contains(program, []byte("sleep 2\n")) || bytes.Contains(program, []byte("pause")) {
		t.Errorf("the name and the version are not in the program (%v)", err)
	}
}

// TestConfig: a configuration that cannot work is refused with what to do.
func TestConfig(t *testing.T) {
	sdk, srcs := sdktest.SDK(t), sdktest.Sources(t)
	good := freestanding.Config{SDK: sdk, GOARCH: "amd64", Program: "pause", Version: "1.0.0", Srcs: srcs}
	long := strings.Repeat("a", 65)
	for want, change := range map[string]func(*freestanding.Config){
		"unknown architecture":            func(c *freestanding.Config) { c.GOARCH = "vax" },
		"no assembly for amd64":           func(c *freestanding.Config) { c.Srcs = only(srcs, ".go") },
		"no Go file for amd64":            func(c *freestanding.Config) { c.Srcs = only(srcs, ".s") },
		"program \"\" has 0":              func(c *freestanding.Config) { c.Program = "" },
		"program \"a b\" has the":         func(c *freestanding.Config) { c.Program = "a b" },
		"program \"" + long + "\" has 65": func(c *freestanding.Config) { c.Program = long },
		"is no Go SDK":                    func(c *freestanding.Config) { c.SDK = t.TempDir() },
	} {
		c := good
		change(&c)
		if _, err := freestanding.Build(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v; want one that contains %q", err, want)
		}
	}
}

// TestReleaseTags: a file for a release of Go is built if the SDK is of that release or a later one. The files have an
// error in them, by which it can be seen that they were built.
func TestReleaseTags(t *testing.T) {
	for constraint, built := range map[string]bool{
		"go1.1": true, "go1.21": true, "!go1.21": false, freestanding.Release: true, freestanding.Release + "0": false,
	} {
		file := filepath.Join(t.TempDir(), "extra.go")
		source := "//go:build freestanding && " + constraint + "\n\npackage main\n\nconst number int = `text`\n"
		if err := os.WriteFile(file, []byte(source), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := freestanding.Build(freestanding.Config{
			SDK: sdktest.SDK(t), GOARCH: "amd64", Program: "pause", Version: "1", Srcs: append(sdktest.Sources(t), file),
		})
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
	for name, test := range map[string]struct{ version, want string }{
		"older":       {"go1.25.14", "is go1.25.14, but programs without a runtime need go1.26.x"},
		"later":       {"go1.27.4 X:nodwarf5", "is go1.27.4, but programs without a runtime need go1.26.x"},
		"development": {"devel go1.28-0a1b2c3", "is devel go1.28-0a1b2c3, but programs without a runtime need go1.26.x"},
		"usage":       {freestanding.Release + ".8", "asm: exit status 2: flag provided but not defined: -new"},
	} {
		t.Run(name, func(t *testing.T) {
			sdk := t.TempDir()
			tools := filepath.Join(sdk, "pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH)
			if err := os.MkdirAll(tools, 0o777); err != nil {
				t.Fatal(err)
			}
			for tool, script := range map[string]string{
				"compile": "#!/bin/sh\necho 'compile version " + test.version + "'\n",
				"asm":     "#!/bin/sh\nprintf 'flag provided but not defined: -new\\nusage: asm\\n  -a  all\\n'\nexit 2\n",
			} {
				if err := os.WriteFile(filepath.Join(tools, tool), []byte(script), 0o777); err != nil {
					t.Fatal(err)
				}
			}
			_, err := freestanding.Build(freestanding.Config{
				SDK: sdk, GOARCH: "amd64", Program: "pause", Version: "1", Srcs: sdktest.Sources(t),
			})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "usage") {
				t.Errorf("error is %v; want one with %q", err, test.want)
			}
		})
	}
}

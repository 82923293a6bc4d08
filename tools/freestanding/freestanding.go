// Package freestanding builds a Go program that does without the Go runtime and the standard library: half a kilobyte of
// ELF instead of a megabyte.
//
// It runs the compiler, the assembler and the linker of a Go SDK, and nothing else: no go command, no compiled standard
// library, no network, no environment. The same sources give the same bytes from any folder and on any host.
//
// The program is a package main of Go files and one assembly file for each architecture:
//
//   - the assembly defines main·entry, where the kernel starts the program;
//   - after its last instruction it falls through into the Go function next, which is linked right behind it;
//   - it may include version.h, where VERSION stands for the bytes of the text that Config.Version describes, as
//     instructions, and VERSION_WORDS for their number if an instruction is a word. In Go the same text is the constant
//     version;
//   - nothing may need memory of its own, or a function of the runtime.
//
// docs/freestanding.md explains each trick, what it depends on in the toolchain, and how a new Go is checked.
package freestanding

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/build"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Release is the one release of Go whose tools build such programs: the tricks depend on the inside of cmd/link. Every SDK
// of that release gives the same bytes. docs/upgrading.md says how another one is tried.
const Release = "go1.26"

// The longest name and version of a program, in bytes: its text is part of the program, which is small.
const (
	maxProgram = 64
	maxVersion = 20
)

// Tag is the build tag of freestanding sources. It keeps them from the go command and from editors, which lack the flags.
const Tag = "freestanding"

// Config says what to build.
type Config struct {
	SDK     string   // Root of a Go SDK of Release: the folder with pkg/tool.
	GOARCH  string   // Architecture of the program, as Go names it; one of Architectures.
	Program string   // Name of the program: 1 to 64 characters of printable ASCII, no blanks.
	Version string   // Version of the program: 1 to 20 such characters. The text is name, blank, version, line end.
	Srcs    []string // Go and assembly files. File names and build constraints choose: GOARCH, Linux, Release, Tag.
}

// The size flags: each makes the program smaller, or is what lets another do so.
var (
	asmFlags = []string{
		"-p", "runtime", // trick "assembler ABI": only the runtime's assembly may name ABIInternal.
	}
	compileFlags = []string{
		"-p", "main",
		"-c=1", // One function after the other, so that their order is a function of the source alone.
		"-nolocalimports",
		"-buildid", "",
		"-pack",
	}
	linkFlags = []string{
		"-importcfg", os.DevNull, // trick "hidden runtime": nothing can be imported, so nothing is.
		"-E", "main.entry", // Start in the assembly, not in the runtime's _rt0.
		"-w", // No DWARF, which would need the runtime's types. The symbols stay: pack judges by them.
		"-buildid=",
		"-B", "none",
	}
)

// Build builds the program and returns its ELF file.
func Build(c Config) (program []byte, err error) {
	linked, err := link(c)
	if err != nil {
		return nil, err
	}
	program, err = pack(arches[c.GOARCH], linked)
	if err != nil {
		return nil, explain(err)
	}
	return program, nil
}

// link builds the program as far as cmd/link brings it and returns that ELF file: what pack takes.
func link(c Config) (linked []byte, err error) {
	a, ok := arches[c.GOARCH]
	if !ok {
		return nil, fmt.Errorf("unknown architecture %q; choose one of %s", c.GOARCH, strings.Join(Architectures(), ", "))
	}
	if err := cmp.Or(checkWord("program", c.Program, maxProgram), checkWord("version", c.Version, maxVersion)); err != nil {
		return nil, err
	}
	sdk, err := filepath.Abs(c.SDK)
	if err != nil {
		return nil, err
	}
	if err := checkSDK(sdk); err != nil {
		return nil, err
	}
	gofiles, asm, err := choose(c)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "freestanding-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := builder{arch: a, goarch: c.GOARCH, sdk: sdk, dir: dir}
	return b.link(c.Program+" "+c.Version+"\n", gofiles, asm)
}

// checkWord returns an error that says what is wrong with word, which is the program's name or version, as what says.
func checkWord(what, word string, longest int) error {
	if word == "" || len(word) > longest {
		return fmt.Errorf("%s %q has %d characters; give 1 to %d", what, word, len(word), longest)
	}
	for _, r := range word {
		if r <= ' ' || r > '~' {
			return fmt.Errorf("%s %q has the character %q; give printable ASCII without blanks", what, word, r)
		}
	}
	return nil
}

// checkSDK returns an error that names both releases of Go if the SDK is not of Release. It asks the compiler, because the
// file VERSION is not among what rules_go says an SDK's tools need.
func checkSDK(sdk string) error {
	out, err := tool(sdk, "compile", "-V").Output()
	if err != nil {
		return fmt.Errorf("%s is no Go SDK for this machine: %w; give the folder that `go env GOROOT` prints", sdk, err)
	}
	// The last word is the version, but for experiments: compile version go1.26.8 X:name
	found, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(out)), "compile version "), " X:")
	if version.Lang(found) != Release {
		return fmt.Errorf("%s is %s, but programs without a runtime need %s.x: they depend on the inside of its linker; give such an SDK", sdk, found, Release)
	}
	return nil
}

// releaseTags returns the build tags that say which releases of Go the SDK can do: go1.1 to Release.
func releaseTags() []string {
	minor, err := strconv.Atoi(strings.TrimPrefix(Release, "go1."))
	if err != nil {
		panic(err)
	}
	var tags []string
	for i := range minor {
		tags = append(tags, "go1."+strconv.Itoa(i+1))
	}
	return tags
}

// choose returns the absolute names of the sources that are for the architecture: Go files and the one assembly file.
func choose(c Config) (gofiles []string, asm string, err error) {
	ctx := build.Context{GOOS: "linux", GOARCH: c.GOARCH, Compiler: "gc", BuildTags: []string{Tag}, ReleaseTags: releaseTags()}
	for _, src := range c.Srcs {
		abs, err := filepath.Abs(src)
		if err != nil {
			return nil, "", err
		}
		match, err := ctx.MatchFile(filepath.Dir(abs), filepath.Base(abs))
		switch {
		case err != nil:
			return nil, "", err
		case !match:
		case filepath.Ext(abs) != ".s":
			gofiles = append(gofiles, abs)
		case asm != "":
			return nil, "", fmt.Errorf("both %s and %s are assembly for %s; give one", asm, src, c.GOARCH)
		default:
			asm = abs
		}
	}
	switch {
	case asm == "":
		return nil, "", fmt.Errorf("the sources have no assembly for %s; give one such file", c.GOARCH)
	case len(gofiles) == 0:
		return nil, "", fmt.Errorf("the sources have no Go file for %s; give one or more", c.GOARCH)
	}
	return gofiles, asm, nil
}

// builder runs the tools in a folder of its own.
type builder struct {
	arch             arch
	goarch, sdk, dir string
}

// link compiles, assembles and links. text is what the program says about itself.
func (b builder) link(text string, gofiles []string, asm string) ([]byte, error) {
	for name, content := range map[string]string{
		"version.h":  b.versionHeader(text),
		"version.go": fmt.Sprintf("package main\n\nconst version = %q\n", text),
		"linker.go":  linkerSource,
		"linker.s":   b.linkerAssembly(),
	} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o666); err != nil {
			return nil, err
		}
	}

	// Assemble: first only for what the compiler has to know of the assembly, then for the objects.
	include := []string{"-I", filepath.Join(b.sdk, "pkg", "include"), "-I", b.dir}
	trim := "-trimpath=" + filepath.Dir(asm) + ";" + b.dir
	flags := slices.Concat(asmFlags, include, []string{trim})
	if err := b.run("asm", flags, "-gensymabis", "-o", "symabis", asm, "linker.s"); err != nil {
		return nil, err
	}
	if err := b.run("asm", flags, "-o", "entry.o", asm); err != nil {
		return nil, err
	}
	if err := b.run("asm", flags, "-o", "linker.o", "linker.s"); err != nil {
		return nil, err
	}

	trim = "-trimpath=" + filepath.Dir(gofiles[0]) + ";" + b.dir
	args := append([]string{"-symabis", "symabis", "-o", "main.a", trim, "version.go", "linker.go"}, gofiles...)
	if err := b.run("compile", compileFlags, args...); err != nil {
		return nil, err
	}
	if err := b.archive("main.a", "entry.o", "linker.o"); err != nil {
		return nil, err
	}

	address := textAddress(b.arch.class)
	err := b.run("link", linkFlags, "-T", "0x"+strconv.FormatUint(address, 16),
		"-funcalign", strconv.Itoa(b.arch.funcAlign), "-o", "linked", "main.a")
	if err != nil {
		return nil, explain(err)
	}
	return os.ReadFile(filepath.Join(b.dir, "linked"))
}

// run runs a tool of the SDK in the folder.
func (b builder) run(name string, flags []string, args ...string) error {
	cmd := tool(b.sdk, name, slices.Concat(flags, args)...)
	cmd.Dir = b.dir
	cmd.Env = append(cmd.Env, "GOOS=linux", "GOARCH="+b.goarch, "GOROOT="+b.sdk, "TMPDIR="+b.dir)
	cmd.Env = append(cmd.Env, b.arch.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		// What comes before the usage text says which flag is not known.
		said, _, _ := strings.Cut(string(out), "\nusage: ")
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(said))
	}
	return nil
}

// tool returns the command that runs a tool of the SDK, with nothing of this process's environment.
func tool(sdk, name string, args ...string) *exec.Cmd {
	path := filepath.Join(sdk, "pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH, name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command(path, args...)
	cmd.Env = []string{}
	return cmd
}

// versionHeader returns version.h: text as the bytes of assembly, in whole instructions.
func (b builder) versionHeader(text string) string {
	size := 4
	if b.arch.directive == "BYTE" {
		size = 1
	}
	padded := []byte(text)
	for len(padded)%size != 0 {
		padded = append(padded, 0)
	}
	var units []string
	for i := 0; i < len(padded); i += size {
		value := uint32(padded[i])
		if size == 4 {
			value = b.arch.byteOrder().Uint32(padded[i:])
		}
		units = append(units, fmt.Sprintf("%s $%#x", b.arch.directive, value))
	}
	return fmt.Sprintf("#define VERSION %s\n#define VERSION_WORDS %d\n", strings.Join(units, "; "), (len(text)+3)/4)
}

// linkerSource is trick "borrowed names": cmd/link looks up two symbols of the runtime and crashes if they are not there.
// It uses neither in this program, but reads the size of the type, which has to be that of its module data or more.
const linkerSource = `package main

import _ "unsafe"

//go:linkname mapinitnoop runtime.mapinitnoop
func mapinitnoop() {}

//go:linkname moduledata type:runtime.moduledata
var moduledata uintptr = 4096
`

// linkerAssembly is trick "kept function": nothing refers to main.next, because it is entered by falling through into it. What
// cmd/link keeps whatever happens is runtime.unreachableMethod; here that is a word of data that refers to main.next.
// pack leaves the word out.
func (b builder) linkerAssembly() string {
	abi := ""
	if b.arch.registerABI {
		abi = "<ABIInternal>"
	}
	return fmt.Sprintf(`#include "textflag.h"

DATA runtime·unreachableMethod(SB)/%[1]d, $main·next%[2]s(SB)
GLOBL runtime·unreachableMethod(SB), RODATA|NOPTR, $%[1]d
`, b.arch.pointerSize(), abi)
}

// archive puts objects into a Go archive, in front of the compiler's: trick "falling through". The linker keeps the order, so
// that the end of the assembly is next to the first Go function.
//
// An archive is a line, then members, each behind a header of 60 bytes and padded to an even size (man 5 ar). The first
// is the export data. The SDK has no ready-made cmd/pack, which would add at the end in any case.
func (b builder) archive(name string, objects ...string) error {
	const magic, header, sizeOffset, sizeLen = "!<arch>\n", 60, 48, 10
	path := filepath.Join(b.dir, name)
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	errFormat := fmt.Errorf("%s: the compiler wrote no archive as expected", name)
	if len(old) < len(magic)+header || string(old[:len(magic)]) != magic {
		return errFormat
	}
	field := string(old[len(magic)+sizeOffset:][:sizeLen])
	size, err := strconv.ParseUint(strings.TrimRight(field, " "), 10, 31)
	end := uint64(len(magic)+header) + size + size%2
	if err != nil || end > uint64(len(old)) {
		return errFormat
	}
	out := bytes.NewBuffer(slices.Clone(old[:end]))
	for _, object := range objects {
		data, err := os.ReadFile(filepath.Join(b.dir, object))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", object, 0, 0, 0, 0o644, len(data))
		out.Write(data)
		if len(data)%2 != 0 {
			out.WriteByte(0)
		}
	}
	out.Write(old[end:])
	return os.WriteFile(path, out.Bytes(), 0o666)
}

// tricks maps what goes wrong when a trick no longer holds to its name, which is also its heading in
// docs/freestanding.md. The first text that is part of an error decides.
var tricks = []struct{ text, name string }{
	{"could not look up runtime.", "borrowed names"},
	{"initialize bounds", "borrowed names"},
	{"mapinitnoop", "borrowed names"},
	{"ABI selector only permitted", "assembler ABI"},
	{"not defined for ABI", "assembler ABI"},
	{"duplicated definition", "kept function"},
	{"symbol main.next is missing", "kept function"},
	{"main.entry does not fall through into main.next", "falling through"},
	{"reference to undefined builtin", "hidden runtime"},
	{"symbol runtime.", "hidden runtime"},
	{"runtime.", "hidden runtime"},
	{"is not linked for its place", "fixed address"},
}

// explain adds to err the trick that no longer holds, if it is one.
func explain(err error) error {
	for _, trick := range tricks {
		if strings.Contains(err.Error(), trick.text) {
			return fmt.Errorf("trick %q no longer holds: %w; see docs/freestanding.md#%s",
				trick.name, err, strings.ReplaceAll(strings.ToLower(trick.name), " ", "-"))
		}
	}
	return err
}

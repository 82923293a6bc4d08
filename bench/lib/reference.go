package lib

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed testdata/pause.c
var reference []byte

// A Reference is a C program that pause is compared with.
type Reference struct {
	Name string // for a table
	Path string
}

// A Compiler makes a reference program.
type Compiler struct {
	Name    string // of what it makes, for a table
	Command string // on PATH
}

// Compilers are tried in this order; all link statically, because there is nothing else in a container image.
var Compilers = []Compiler{
	{"C, static musl", "musl-gcc"},
	{"C, static glibc", "gcc"},
}

// References compiles the C programs into folder dir. missing has a line for each that could not be built, and why.
func References(dir string) (programs []Reference, missing []string, err error) {
	file := filepath.Join(dir, "pause.c")
	if err := os.WriteFile(file, reference, 0o644); err != nil {
		return nil, nil, err
	}
	for _, c := range Compilers {
		compiler, err := exec.LookPath(c.Command)
		if err != nil {
			missing = append(missing, fmt.Sprintf("%s: %s is not on PATH", c.Name, c.Command))
			continue
		}
		output := filepath.Join(dir, "pause-"+c.Command)
		out, err := exec.Command(compiler, "-Os", "-s", "-static", "-o", output, file).CombinedOutput()
		if err != nil {
			first, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n"))
			missing = append(missing, fmt.Sprintf("%s: %s: %v: %s", c.Name, c.Command, err, first))
			continue
		}
		programs = append(programs, Reference{c.Name, output})
	}
	return programs, missing, nil
}

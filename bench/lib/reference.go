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

// Glibc is enough to compare with where each program takes long.
var Glibc = Compiler{"C, static glibc", "gcc"}

// Compilers are tried in this order; all link statically, because there is nothing else in a container image.
var Compilers = []Compiler{{"C, static musl", "musl-gcc"}, Glibc}

// References compiles the C program into folder dir with each of the compilers. Standard error has a line for each with which
// that failed, and why.
func References(dir string, compilers ...Compiler) (programs []Reference, err error) {
	file := filepath.Join(dir, "pause.c")
	if err := os.WriteFile(file, reference, 0o644); err != nil {
		return nil, err
	}
	for _, c := range compilers {
		output := filepath.Join(dir, "pause-"+c.Command)
		out, err := exec.Command(c.Command, "-Os", "-s", "-static", "-o", output, file).CombinedOutput()
		if err != nil {
			fmt.Fprintf(os.Stderr, "not compared with %s: %v %s\n", c.Name, err, bytes.TrimSpace(out))
			continue
		}
		programs = append(programs, Reference{c.Name, output})
	}
	return programs, nil
}

// Package reference builds the C programs that pause is compared with, where the machine has a compiler.
package reference

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed testdata/pause.c
var source []byte

// A Program is a reference program that could be built.
type Program struct {
	Name string // for a table
	Path string
}

// compilers are tried in this order; all link statically, because there is nothing else in a container image.
var compilers = []struct{ name, command string }{
	{"C, static musl", "musl-gcc"},
	{"C, static glibc", "gcc"},
}

// Build compiles the references into folder dir. missing has a line for each that could not be built, and why.
func Build(dir string) (programs []Program, missing []string, err error) {
	file := filepath.Join(dir, "pause.c")
	if err := os.WriteFile(file, source, 0o644); err != nil {
		return nil, nil, err
	}
	for _, c := range compilers {
		compiler, err := exec.LookPath(c.command)
		if err != nil {
			missing = append(missing, fmt.Sprintf("%s: %s is not on PATH", c.name, c.command))
			continue
		}
		output := filepath.Join(dir, "pause-"+c.command)
		out, err := exec.Command(compiler, "-Os", "-s", "-static", "-o", output, file).CombinedOutput()
		if err != nil {
			first, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n"))
			missing = append(missing, fmt.Sprintf("%s: %s: %v: %s", c.name, c.command, err, first))
			continue
		}
		programs = append(programs, Program{c.name, output})
	}
	return programs, missing, nil
}

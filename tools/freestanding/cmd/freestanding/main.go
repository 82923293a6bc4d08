// Command freestanding builds a Go program that does without the Go runtime. Package freestanding says what it takes.
//
//	freestanding -sdk "$(go env GOROOT)" -goarch arm64 -o pause pause/*.go pause/*.s
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.com/pause/tools/freestanding"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "freestanding:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

// run does what the flags say.
func run() error {
	var c freestanding.Config
	flag.StringVar(&c.SDK, "sdk", "", "root `folder` of the Go SDK to build with; required")
	flag.StringVar(&c.GOARCH, "goarch", "", "`architecture` of the program: "+strings.Join(freestanding.Architectures(), ", ")+"; required")
	flag.StringVar(&c.Version, "version", freestanding.DefaultVersion, "`version` of the program: printable ASCII")
	status := flag.String("version-status", "", "`file` of Bazel's stable workspace status; its STABLE_PAUSE_VERSION, if there is one, goes before -version")
	output := flag.String("o", "", "`file` to write; required")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Usage: freestanding -sdk FOLDER -goarch ARCHITECTURE -o FILE SOURCE...")
		flag.PrintDefaults()
	}
	flag.Parse()
	c.Srcs = flag.Args()
	switch {
	case c.SDK == "":
		return fmt.Errorf("-sdk is missing; give the folder that `go env GOROOT` prints")
	case c.GOARCH == "":
		return fmt.Errorf("-goarch is missing; give one of %s", strings.Join(freestanding.Architectures(), ", "))
	case *output == "":
		return fmt.Errorf("-o is missing; give the file to write")
	}
	if *status != "" {
		content, err := os.ReadFile(*status)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(content)) {
			if v, ok := strings.CutPrefix(line, "STABLE_PAUSE_VERSION "); ok && strings.TrimSpace(v) != "" {
				c.Version = strings.TrimSpace(v)
			}
		}
	}
	program, err := freestanding.Build(c)
	if err != nil {
		return err
	}
	return write(*output, program)
}

// write writes an executable file as a whole or not at all.
func write(name string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".freestanding-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if e := f.Chmod(0o755); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

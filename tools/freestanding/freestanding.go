// Package freestanding builds a Go program without the Go runtime: compile, asm, link and elfpack.
package freestanding

import (
	"bytes"
	"errors"
	"fmt"
	"go/build"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"example.com/pause/tools/elfpack"
)

// Config says what to build.
type Config struct {
	SDK     string   // GOROOT of the Go SDK
	GOARCH  string   // architecture of the program
	Version string   // what -v prints
	Srcs    []string // Go and assembly sources; those of other architectures are left out
}

// Build returns the bytes of the program.
func Build(c Config) ([]byte, error) {
	dir, err := os.MkdirTemp("", "freestanding")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	text := "pause " + c.Version + "\n"
	if err := writeVersion(dir, c.GOARCH, text); err != nil {
		return nil, err
	}
	ctx := build.Default
	ctx.GOARCH, ctx.GOOS, ctx.BuildTags, ctx.CgoEnabled = c.GOARCH, "linux", []string{"freestanding"}, false
	var gofiles, asmfiles []string
	gofiles = append(gofiles, filepath.Join(dir, "version.go"))
	for _, src := range c.Srcs {
		ok, err := ctx.MatchFile(filepath.Dir(src), filepath.Base(src))
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		abs, err := filepath.Abs(src)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(src, ".s") {
			asmfiles = append(asmfiles, abs)
		} else {
			gofiles = append(gofiles, abs)
		}
	}
	if len(asmfiles) != 1 {
		return nil, errors.New("exactly one assembly file is needed")
	}
	sdk, err := filepath.Abs(c.SDK)
	if err != nil {
		return nil, err
	}
	tool := func(name string, args ...string) error {
		cmd := exec.Command(filepath.Join(sdk, "pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH, name), args...)
		cmd.Dir = dir
		cmd.Env = []string{"GOOS=linux", "GOARCH=" + c.GOARCH, "GOARM=7", "GOROOT=" + sdk}
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", name, err, out)
		}
		return nil
	}
	asm := []string{"-p", "runtime", "-trimpath", filepath.Dir(asmfiles[0]), "-I", filepath.Join(sdk, "pkg", "include"), "-I", dir}
	if err := tool("asm", append(asm, "-gensymabis", "-o", "symabis", asmfiles[0])...); err != nil {
		return nil, err
	}
	if err := tool("asm", append(asm, "-o", "entry.o", asmfiles[0])...); err != nil {
		return nil, err
	}
	args := []string{"-p", "main", "-std", "-symabis", "symabis", "-nolocalimports", "-pack", "-c=1", "-o", "main.a", "-buildid", "", "-trimpath", dir}
	if err := tool("compile", append(args, gofiles...)...); err != nil {
		return nil, err
	}
	archive, err := os.ReadFile(filepath.Join(dir, "main.a"))
	if err != nil {
		return nil, err
	}
	object, err := os.ReadFile(filepath.Join(dir, "entry.o"))
	if err != nil {
		return nil, err
	}
	archive, err = addObject(archive, object)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.a"), archive, 0o666); err != nil {
		return nil, err
	}
	if err := tool("link", "-importcfg", "/dev/null", "-E", "main.entry", "-w", "-buildid=", "-B", "none", "-funcalign", "4", "-o", "out", "main.a"); err != nil {
		return nil, err
	}
	linked, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		return nil, err
	}
	return elfpack.Pack(linked)
}

// addObject puts object before the Go object of archive, so that the linker places its text first.
func addObject(archive, object []byte) ([]byte, error) {
	const magic, header = "!<arch>\n", 60
	if len(archive) < len(magic)+header {
		return nil, io.ErrUnexpectedEOF
	}
	var size int
	if _, err := fmt.Sscanf(string(archive[len(magic)+48:len(magic)+58]), "%d", &size); err != nil {
		return nil, err
	}
	at := len(magic) + header + size + size%2
	var b bytes.Buffer
	b.Write(archive[:at])
	fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", "entry.o", 0, 0, 0, 0o644, len(object))
	b.Write(object)
	if len(object)%2 == 1 {
		b.WriteByte(0)
	}
	b.Write(archive[at:])
	return b.Bytes(), nil
}

func writeVersion(dir, goarch, text string) error {
	var words []string
	padded := text + "\x00\x00\x00"
	for i := 0; i+3 < len(padded); i += 4 {
		w := uint32(padded[i]) | uint32(padded[i+1])<<8 | uint32(padded[i+2])<<16 | uint32(padded[i+3])<<24
		if goarch == "s390x" {
			w = w>>24 | w>>8&0xff00 | w<<8&0xff0000 | w<<24
		}
		d := "WORD"
		if goarch == "amd64" || goarch == "386" {
			d = "LONG"
		}
		words = append(words, fmt.Sprintf("%s $%#x", d, w))
	}
	if err := os.WriteFile(filepath.Join(dir, "version.h"), []byte("#define VERSION "+strings.Join(words, "; ")+"\n"), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "version.go"), []byte(fmt.Sprintf("package main\nconst version = %q\n", text)), 0o666)
}

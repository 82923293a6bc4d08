package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"strings"
	"testing"

	"example.com/pause/bench/sizes/size"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
)

// each runs test for the binary of each architecture.
func each(t *testing.T, test func(t *testing.T, target targets.Target, bin string)) {
	t.Helper()
	for _, target := range targets.All() {
		t.Run(target.Arch, func(t *testing.T) { test(t, target, target.Binary(t)) })
	}
}

// Each binary is within the budget of 640 bytes, and is the ELF file that the architecture's ABI asks for.
func TestBinaries(t *testing.T) {
	each(t, func(t *testing.T, target targets.Target, bin string) {
		content, err := os.ReadFile(bin)
		if err != nil {
			t.Fatal(err)
		}
		if err := size.Check(content, target); err != nil {
			t.Error(err)
		}
	})
}

// tool runs an inspecting program on bin, expects that it has nothing to complain about, and returns what it prints.
func tool(t *testing.T, pkg, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(need.Program(t, name, pkg), args...)
	cmd.Env = []string{"LC_ALL=C"}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	text := string(out)
	if err != nil || complaints.Len() > 0 {
		t.Errorf("%s: %v; %s", cmd, err, complaints.String())
	}
	for _, word := range []string{"warning", "error", "corrupt", "missing section", "can't read", "too large"} {
		if strings.Contains(strings.ToLower(text), word) {
			t.Errorf("%s complains: %s", cmd, text)
		}
	}
	return text
}

// readelf, of GNU binutils, reads all of each binary without a warning, and finds the two program headers.
func TestReadelf(t *testing.T) {
	each(t, func(t *testing.T, _ targets.Target, bin string) {
		// All of --all but --unwind, which gives up on every ARM file without section headers.
		out := tool(t, "binutils", "readelf", "--file-header", "--segments", "--sections", "--symbols", "--relocs",
			"--dynamic", "--notes", "--version-info", "--arch-specific", "--wide", bin)
		for _, want := range []string{"EXEC (Executable file)", "There are no sections in this file.", "LOAD", "R E", "GNU_STACK", "RW "} {
			if !strings.Contains(out, want) {
				t.Errorf("readelf does not print %q:\n%s", want, out)
			}
		}
	})
}

// file(1) knows each binary for what it is.
func TestFile(t *testing.T) {
	each(t, func(t *testing.T, target targets.Target, bin string) {
		out := tool(t, "file", "file", "--brief", "--dereference", bin)
		class, order := "64-bit", "LSB"
		if target.Class == elf.ELFCLASS32 {
			class = "32-bit"
		}
		if target.Data == elf.ELFDATA2MSB {
			order = "MSB"
		}
		for _, want := range []string{"ELF " + class + " " + order + " executable", target.Magic, "(SYSV)", "statically linked"} {
			if !strings.Contains(out, want) {
				t.Errorf("file prints %q; want %q in it", out, want)
			}
		}
	})
}

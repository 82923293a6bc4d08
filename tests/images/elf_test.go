package images_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
)

// budget is how many bytes a program may have.
const budget = 640

// headers returns the ELF header and the program headers that a program of that many bytes must have: by the gABI, by the ABI
// of its architecture, and for the rest by what is safe. The whole file is loaded once, not writable, above what Linux keeps
// from ordinary users (vm.mmap_min_addr), aligned to the largest page; the stack is not executable; and nothing else is there.
func headers(target targets.Target, bytes int) []any {
	const base = 64 << 10
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(target.Class), byte(target.Data), byte(elf.EV_CURRENT)}
	const code, stack = uint32(elf.PF_R | elf.PF_X), uint32(elf.PF_R | elf.PF_W)
	if target.Class == elf.ELFCLASS32 {
		const ehsize, phentsize = 52, 32
		return []any{
			elf.Header32{
				Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(target.Machine), Version: uint32(elf.EV_CURRENT),
				Entry: base + ehsize + 2*phentsize, Phoff: ehsize, Flags: target.Flags, Ehsize: ehsize, Phentsize: phentsize, Phnum: 2, Shentsize: 40,
			},
			elf.Prog32{
				Type: uint32(elf.PT_LOAD), Flags: code, Vaddr: base, Paddr: base, Filesz: uint32(bytes), Memsz: uint32(bytes), Align: uint32(target.PageSize),
			},
			elf.Prog32{Type: uint32(elf.PT_GNU_STACK), Flags: stack, Align: 4},
		}
	}
	const ehsize, phentsize = 64, 56
	return []any{
		elf.Header64{
			Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(target.Machine), Version: uint32(elf.EV_CURRENT),
			Entry: base + ehsize + 2*phentsize, Phoff: ehsize, Flags: target.Flags, Ehsize: ehsize, Phentsize: phentsize, Phnum: 2, Shentsize: 64,
		},
		elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: code, Vaddr: base, Paddr: base, Filesz: uint64(bytes), Memsz: uint64(bytes), Align: target.PageSize,
		},
		elf.Prog64{Type: uint32(elf.PT_GNU_STACK), Flags: stack, Align: 8},
	}
}

// Each program is within its budget, and its headers are to the byte those that it must have.
func TestPrograms(t *testing.T) {
	for _, target := range targets.All() {
		t.Run(target.Arch, func(t *testing.T) {
			content, err := os.ReadFile(target.Binary(t))
			if err != nil {
				t.Fatal(err)
			}
			if len(content) > budget {
				t.Errorf("%d bytes; the budget is %d", len(content), budget)
			}
			var order binary.ByteOrder = binary.LittleEndian
			if target.Data == elf.ELFDATA2MSB {
				order = binary.BigEndian
			}
			at := 0
			for _, want := range headers(target, len(content)) {
				var b bytes.Buffer
				if err := binary.Write(&b, order, want); err != nil {
					t.Fatal(err)
				}
				if got := content[min(at, len(content)):min(at+b.Len(), len(content))]; !bytes.Equal(got, b.Bytes()) {
					t.Errorf("at %d: % x; want % x, %+v", at, got, b.Bytes(), want)
				}
				at += b.Len()
			}
		})
	}
}

// Tools that read such files know each program for what it is, and have nothing to complain about.
func TestToolsRead(t *testing.T) {
	for _, target := range targets.All() {
		t.Run(target.Arch, func(t *testing.T) {
			program := target.Binary(t)
			// All of --all but --unwind, which gives up on every ARM file without section headers.
			reads(t, []string{"EXEC (Executable file)", "There are no sections in this file.", "LOAD", "R E", "GNU_STACK", "RW "}, "binutils", "readelf",
				"--file-header", "--segments", "--sections", "--symbols", "--relocs", "--dynamic", "--notes", "--version-info", "--arch-specific", "--wide", program)
			class, order := "64-bit", "LSB"
			if target.Class == elf.ELFCLASS32 {
				class = "32-bit"
			}
			if target.Data == elf.ELFDATA2MSB {
				order = "MSB"
			}
			reads(t, []string{"ELF " + class + " " + order + " executable", target.Magic, "(SYSV)", "statically linked"}, "file", "file",
				"--brief", "--dereference", program)
		})
	}
}

// reads runs a program of a Debian package, and expects wants in what it prints, and no complaint.
func reads(t *testing.T, wants []string, pkg, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(need.Program(t, name, pkg), args...)
	cmd.Env = []string{"LC_ALL=C"}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Errorf("%s: %v; %s", name, err, &said)
	}
	for _, word := range []string{"warning", "error", "corrupt", "missing section", "can't read", "too large"} {
		if strings.Contains(strings.ToLower(string(out)), word) {
			t.Errorf("%s complains: %s", name, out)
		}
	}
	for _, want := range wants {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s does not print %q:\n%s", name, want, out)
		}
	}
}

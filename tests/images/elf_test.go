package images_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"regexp"
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
			content := program(t, target)
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
				need.NoError(t, binary.Write(&b, order, want))
				if got := content[min(at, len(content)):min(at+b.Len(), len(content))]; !bytes.Equal(got, b.Bytes()) {
					t.Errorf("at %d: % x; want % x, %+v", at, got, b.Bytes(), want)
				}
				at += b.Len()
			}
		})
	}
}

// complains matches what readelf and file say of a file that is not in order.
var complains = regexp.MustCompile(`(?i)warning|error|corrupt|missing section|can't read|too large`)

// Tools that read such files know each program for what it is, and have nothing to complain about.
func TestToolsRead(t *testing.T) {
	readelf, file := need.Program(t, "readelf", "binutils"), need.Program(t, "file", "file")
	for _, target := range targets.All() {
		t.Run(target.Arch, func(t *testing.T) {
			program := target.Binary(t)
			reads := func(wants []string, name string, args ...string) {
				t.Helper()
				out, code := run(t, name, append(args, program)...)
				if complaint := complains.FindString(out); complaint != "" || code != 0 {
					t.Errorf("%s exits with %d and says %q: %s", name, code, complaint, out)
				}
				for _, want := range wants {
					if !strings.Contains(out, want) {
						t.Errorf("%s does not print %q:\n%s", name, want, out)
					}
				}
			}
			// All of --all but --unwind, which gives up on every ARM file without section headers.
			reads([]string{"EXEC (Executable file)", "There are no sections in this file.", "LOAD", "R E", "GNU_STACK", "RW "}, readelf,
				"--file-header", "--segments", "--sections", "--symbols", "--relocs", "--dynamic", "--notes", "--version-info", "--arch-specific", "--wide")
			class, order := "64-bit", "LSB"
			if target.Class == elf.ELFCLASS32 {
				class = "32-bit"
			}
			if target.Data == elf.ELFDATA2MSB {
				order = "MSB"
			}
			reads([]string{"ELF " + class + " " + order + " executable", target.Magic, "(SYSV)", "statically linked"}, file, "--brief", "--dereference")
		})
	}
}

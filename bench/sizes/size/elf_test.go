package size

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"example.com/pause/tests/lib/targets"
)

// sample returns a conformant binary for t, of length bytes; the code is all zeros.
func sample(tb testing.TB, t targets.Target, length int) []byte {
	tb.Helper()
	var order binary.ByteOrder = binary.LittleEndian
	if t.Data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(t.Class), byte(t.Data), byte(elf.EV_CURRENT)}
	const base = 1 << 16
	var fields []any
	if t.Class == elf.ELFCLASS32 {
		fields = []any{
			elf.Header32{
				Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(t.Machine), Version: uint32(elf.EV_CURRENT),
				Entry: base + 116, Phoff: 52, Flags: t.Flags, Ehsize: 52, Phentsize: 32, Phnum: 2,
			},
			elf.Prog32{
				Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Paddr: base,
				Filesz: uint32(length), Memsz: uint32(length), Align: uint32(t.PageSize),
			},
			elf.Prog32{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 4},
		}
	} else {
		fields = []any{
			elf.Header64{
				Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(t.Machine), Version: uint32(elf.EV_CURRENT),
				Entry: base + 176, Phoff: 64, Flags: t.Flags, Ehsize: 64, Phentsize: 56, Phnum: 2,
			},
			elf.Prog64{
				Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Paddr: base,
				Filesz: uint64(length), Memsz: uint64(length), Align: t.PageSize,
			},
			elf.Prog64{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 8},
		}
	}
	var b bytes.Buffer
	for _, f := range fields {
		if err := binary.Write(&b, order, f); err != nil {
			tb.Fatal(err)
		}
	}
	b.Write(make([]byte, length-b.Len()))
	return b.Bytes()
}

// A conformant binary of each architecture passes, up to the last byte of the budget.
func TestCheckAccepts(t *testing.T) {
	for _, target := range targets.All() {
		for _, length := range []int{200, BudgetELF} {
			if err := Check(sample(t, target, length), target); err != nil {
				t.Errorf("%s, %d bytes: %v", target.Arch, length, err)
			}
		}
	}
}

// One byte over the budget is too much.
func TestCheckHoldsBudget(t *testing.T) {
	for _, target := range targets.All() {
		if err := Check(sample(t, target, BudgetELF+1), target); err == nil {
			t.Errorf("%s: accepted %d bytes", target.Arch, BudgetELF+1)
		}
	}
}

// A binary of one architecture is not accepted for another.
func TestCheckTellsArchitecturesApart(t *testing.T) {
	for _, built := range targets.All() {
		for _, wanted := range targets.All() {
			if built.Arch == wanted.Arch {
				continue
			}
			if Check(sample(t, built, 400), wanted) == nil {
				t.Errorf("accepted %s for %s", built.Arch, wanted.Arch)
			}
		}
	}
}

// Each field that is not as it should be is reported, by what is wrong with it.
func TestCheckRefuses(t *testing.T) {
	// Offsets in the headers of 64-bit ELF, little endian.
	const load, stack = 64, 64 + 56
	cases := []struct {
		name   string
		offset int
		value  byte
		want   string
	}{
		{"OS ABI", 7, 3, "ELFOSABI"},
		{"ABI version", 8, 1, "ABI version"},
		{"ident padding", 15, 1, "e_ident"},
		{"shared object", 16, byte(elf.ET_DYN), "ET_DYN"},
		{"entry in the headers", 24, 64, "entry point"},
		{"entry past the end", 25, 9, "entry point"},
		{"flags", 48, 1, "e_flags"},
		{"ehsize", 52, 63, "e_ehsize"},
		{"one program header", 56, 1, "program headers"},
		{"executable stack", stack + 4, 7, "PT_GNU_STACK"},
		{"read-only stack", stack + 4, 4, "PT_GNU_STACK"},
		{"another instead of stack", stack, 0x52, "unexpected program header"},
		{"writable code", load + 4, 7, "PT_LOAD"},
		{"not executable", load + 4, 4, "PT_LOAD"},
		{"low address", load + 18, 0, "reserves"},
		{"bss", load + 41, 9, "in memory"},
		{"part of the file", load + 32, 0, "covers"},
		{"alignment not a power of two", load + 49, 0x11, "aligned"},
		{"alignment below the page", load + 49, 0x08, "aligned"},
		{"address and offset disagree", load + 17, 1, "modulo"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			target := targets.All()[0]
			content := sample(t, target, 0x190)
			if content[c.offset] == c.value {
				t.Fatal("the case changes nothing")
			}
			content[c.offset] = c.value
			err := Check(content, target)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v; want an error about %q", err, c.want)
			}
		})
	}
	if Check(nil, targets.All()[0]) == nil {
		t.Error("accepted an empty file")
	}
}

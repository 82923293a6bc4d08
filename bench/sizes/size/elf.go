// Package size measures what pause weighs, and checks that its binaries are small and conformant.
package size

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"example.com/pause/tests/lib/targets"
)

// Budgets, in bytes.
const (
	BudgetELF   = 640  // a binary
	BudgetImage = 1024 // manifest, config and layer of the image for one architecture
)

// lowest is the lowest address that Linux lets an ordinary user map (vm.mmap_min_addr, at its usual largest).
const lowest = 64 << 10

// header has the fields of an ELF header, of either class, that debug/elf does not show.
type header struct {
	flags                           uint32
	ehsize, phentsize, phnum, shnum uint16
	shoff                           uint64
}

// readHeader reads the header of file as class and byte order say.
func readHeader(content []byte, class elf.Class, order binary.ByteOrder) (header, error) {
	r := bytes.NewReader(content)
	if class == elf.ELFCLASS32 {
		var h elf.Header32
		err := binary.Read(r, order, &h)
		return header{h.Flags, h.Ehsize, h.Phentsize, h.Phnum, h.Shnum, uint64(h.Shoff)}, err
	}
	var h elf.Header64
	err := binary.Read(r, order, &h)
	return header{h.Flags, h.Ehsize, h.Phentsize, h.Phnum, h.Shnum, h.Shoff}, err
}

// Check reports everything that is wrong with content as the pause binary for t: its size, its header, and its two
// program headers, by the generic ELF specification and the architecture's ABI. It returns nil if nothing is.
func Check(content []byte, t targets.Target) error {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("debug/elf does not read it: %w", err)
	}
	defer f.Close()
	raw, err := readHeader(content, f.Class, f.ByteOrder)
	if err != nil {
		return err
	}

	var errs []error
	expect := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	expect(len(content) <= BudgetELF, "%d bytes; the budget is %d", len(content), BudgetELF)
	expect(f.Class == t.Class, "%v; want %v", f.Class, t.Class)
	expect(f.Data == t.Data, "%v; want %v", f.Data, t.Data)
	expect(f.OSABI == elf.ELFOSABI_NONE && f.ABIVersion == 0, "%v, ABI version %d; want %v and 0", f.OSABI, f.ABIVersion, elf.ELFOSABI_NONE)
	expect(bytes.Equal(content[9:16], make([]byte, 7)), "padding of e_ident is %x; want zeros", content[9:16])
	expect(f.Type == elf.ET_EXEC, "%v; want %v", f.Type, elf.ET_EXEC)
	expect(f.Machine == t.Machine, "%v; want %v", f.Machine, t.Machine)
	expect(raw.flags == t.Flags, "e_flags %#x; want %#x", raw.flags, t.Flags)
	ehsize, phentsize := 64, 56
	if t.Class == elf.ELFCLASS32 {
		ehsize, phentsize = 52, 32
	}
	expect(int(raw.ehsize) == ehsize, "e_ehsize %d; want %d", raw.ehsize, ehsize)
	expect(int(raw.phentsize) == phentsize, "e_phentsize %d; want %d", raw.phentsize, phentsize)
	expect(raw.shnum == 0 && raw.shoff == 0, "%d section headers at %d; want none", raw.shnum, raw.shoff)
	expect(raw.phnum == 2, "%d program headers; want 2", raw.phnum)

	var loads, stacks int
	for _, p := range f.Progs {
		switch p.Type {
		case elf.PT_LOAD:
			loads++
			expect(p.Flags == elf.PF_R|elf.PF_X, "PT_LOAD is %v; want PF_X+PF_R", p.Flags)
			expect(p.Off == 0 && p.Filesz == uint64(len(content)), "PT_LOAD covers %d bytes from %d; want all %d of the file", p.Filesz, p.Off, len(content))
			expect(p.Memsz == p.Filesz, "PT_LOAD has %d bytes in memory and %d in the file; want the same", p.Memsz, p.Filesz)
			expect(p.Align >= t.PageSize && p.Align&(p.Align-1) == 0, "PT_LOAD is aligned to %#x; want a power of two of at least %#x", p.Align, t.PageSize)
			expect(p.Align == 0 || p.Vaddr%p.Align == p.Off%p.Align, "PT_LOAD at %#x does not agree with file offset %#x modulo %#x", p.Vaddr, p.Off, p.Align)
			expect(p.Vaddr >= lowest, "PT_LOAD at %#x; Linux reserves what is below %#x", p.Vaddr, lowest)
			start := p.Vaddr + uint64(ehsize+2*phentsize)
			expect(f.Entry >= start && f.Entry < p.Vaddr+p.Filesz, "entry point %#x; want it in the code, %#x to %#x", f.Entry, start, p.Vaddr+p.Filesz)
		case elf.PT_GNU_STACK:
			stacks++
			expect(p.Flags == elf.PF_R|elf.PF_W, "PT_GNU_STACK is %v; want PF_W+PF_R", p.Flags)
		default:
			expect(false, "unexpected program header %v", p.Type)
		}
	}
	expect(loads == 1 && stacks == 1, "%d PT_LOAD and %d PT_GNU_STACK; want one of each", loads, stacks)
	return errors.Join(errs...)
}

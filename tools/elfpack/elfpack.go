// Package elfpack turns a freestanding program that cmd/link has linked into the tightest conformant ELF executable:
// the ELF header, two program headers (PT_LOAD R E, PT_GNU_STACK RW) and the code.
package elfpack

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"strings"
)

// Pack returns the packed executable of linked, the bytes of a linked ELF executable.
func Pack(linked []byte) ([]byte, error) {
	f, err := elf.NewFile(bytes.NewReader(linked))
	if err != nil {
		return nil, err
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	text := f.Section(".text")
	if text == nil {
		return nil, errors.New("no .text")
	}
	code, err := text.Data()
	if err != nil {
		return nil, err
	}
	lo, hi := ^uint64(0), uint64(0)
	for _, s := range symbols {
		if !strings.HasPrefix(s.Name, "go:") && s.Size > 1 && elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			lo, hi = min(lo, s.Value), max(hi, s.Value+s.Size)
		}
	}
	if lo < text.Addr || lo >= hi || hi > text.Addr+uint64(len(code)) {
		return nil, fmt.Errorf("no code in .text")
	}
	code = code[lo-text.Addr : hi-text.Addr]
	page, ok := pages[f.Machine]
	if !ok {
		return nil, fmt.Errorf("unsupported machine %v", f.Machine)
	}
	var b bytes.Buffer
	o := f.ByteOrder
	var ident [16]byte
	copy(ident[:], linked[:7])
	const base = 0x10000
	if f.Class == elf.ELFCLASS32 {
		b.Grow(116 + len(code))
		put(&b, o, &elf.Header32{
			Ident: ident, Type: 2, Machine: uint16(f.Machine), Version: 1, Entry: uint32(base + 116 + f.Entry - lo),
			Phoff: 52, Flags: o.Uint32(linked[36:]), Ehsize: 52, Phentsize: 32, Phnum: 2,
		})
		size := uint32(116 + len(code))
		put(&b, o, &elf.Prog32{Type: 1, Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Flags: 5, Align: uint32(page)})
		put(&b, o, &elf.Prog32{Type: uint32(elf.PT_GNU_STACK), Flags: 6, Align: 4})
	} else {
		put(&b, o, &elf.Header64{
			Ident: ident, Type: 2, Machine: uint16(f.Machine), Version: 1, Entry: base + 176 + f.Entry - lo,
			Phoff: 64, Flags: o.Uint32(linked[48:]), Ehsize: 64, Phentsize: 56, Phnum: 2,
		})
		size := uint64(176 + len(code))
		put(&b, o, &elf.Prog64{Type: 1, Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Flags: 5, Align: page})
		put(&b, o, &elf.Prog64{Type: uint32(elf.PT_GNU_STACK), Flags: 6, Align: 8})
	}
	b.Write(code)
	return b.Bytes(), nil
}

var pages = map[elf.Machine]uint64{
	elf.EM_X86_64: 0x1000, elf.EM_386: 0x1000, elf.EM_ARM: 0x1000, elf.EM_S390: 0x1000,
	elf.EM_AARCH64: 0x10000, elf.EM_RISCV: 0x1000, elf.EM_LOONGARCH: 0x10000, elf.EM_PPC64: 0x10000, elf.EM_MIPS: 0x10000,
}

package freestanding

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	// base is the address of the file in memory: the lowest that every kernel maps (vm.mmap_min_addr is at most this), and a
	// multiple of the largest page.
	base = 0x10000

	header32 = 52 + 2*32 // bytes before the code
	header64 = 64 + 2*56

	// maxPad is the most bytes that the linker puts between two functions to align them, on any architecture.
	maxPad = 15
)

// textAddress returns the address to link the code at (cmd/link -T).
func textAddress(class elf.Class) uint64 {
	if class == elf.ELFCLASS32 {
		return base + header32
	}
	return base + header64
}

// pack returns the tightest ELF executable that conforms, for a program that cmd/link has linked: the ELF header, two program
// headers, the code, and nothing else. There are no sections and no padding.
//
//	0          ELF header: 64 bytes, or 52 in the class of 32 bits
//	64, 52     PT_LOAD: the whole file, readable and executable, not writable
//	120, 84    PT_GNU_STACK: a stack that is not executable
//	176, 116   the code
//
// The code is not moved: the linker has to have placed it at textAddress, where it is in the packed file too. So it need
// not be position independent, and every address in it that leads to itself is right.
//
// It wants the symbols main.entry, where the program starts, and main.next, right behind it, which main.entry runs on
// into. What would need more than that is refused: data of its own, constants outside its code, relocations, dynamic linking,
// functions of the Go runtime. An error says which symbol, section or field was not accepted, and why. See the gABI
// (https://gabi.xinuos.com) for the format.
//
// linked is the contents of the file for architecture a. Its number of program headers is set to 0.
func pack(a arch, linked []byte) ([]byte, error) {
	f, flags, err := open(a, linked)
	if err != nil {
		return nil, err
	}
	// Whatever needs a loader has a section of another name: .rela, .dynamic, .interp, .tbss.
	for _, s := range f.Sections {
		if !slices.Contains(linkerSections, s.Name) {
			return nil, fmt.Errorf("section %s (%v) is none of those that cmd/link gives a freestanding program", s.Name, s.Flags)
		}
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("the symbols cannot be read, and nothing can be judged without: %w", err)
	}
	code, err := findCode(f, symbols)
	if err != nil {
		return nil, err
	}
	if err := checkData(f, symbols); err != nil {
		return nil, err
	}
	return write(f, a.pageSize, flags, code)
}

// open parses linked as far as headers go. It returns its e_flags too, which debug/elf leaves out.
func open(a arch, linked []byte) (f *elf.File, flags uint32, err error) {
	const phnum32, phnum64, flags32, flags64 = 44, 56, 36, 48
	// cmd/link writes wrong program headers if the code does not begin with a page, and debug/elf rightly refuses them. They
	// are not needed: sections and symbols say it all. So hide them.
	at, flagsAt := phnum64, flags64
	if a.class == elf.ELFCLASS32 {
		at, flagsAt = phnum32, flags32
	}
	linked[at], linked[at+1] = 0, 0
	f, err = elf.NewFile(bytes.NewReader(linked))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("no ELF file that debug/elf reads: %w", err)
	case f.Machine != a.machine || f.Class != a.class || f.Data != a.data:
		return nil, 0, fmt.Errorf("a file for %v, %v, %v; want %v, %v, %v", f.Machine, f.Class, f.Data, a.machine, a.class, a.data)
	case f.Type != elf.ET_EXEC:
		return nil, 0, fmt.Errorf("a file of type %v; only an executable at a fixed address, ET_EXEC, can be packed", f.Type)
	}
	return f, f.ByteOrder.Uint32(linked[flagsAt:]), nil
}

// linkerSections are what cmd/link puts into every program. .text is the code; only the linker's own symbols may be in the
// others, see linkerSymbols.
var linkerSections = []string{
	"", ".text", ".rodata", ".gopclntab", ".typelink", ".itablink", ".go.buildinfo", ".go.fipsinfo", ".go.module",
	".noptrdata", ".data", ".bss", ".noptrbss", ".symtab", ".strtab", ".shstrtab",
}

// linkerSymbols are what cmd/link puts into every program besides its code, if it is empty too. Nothing of it is packed.
var linkerSymbols = []string{
	"go:buildinfo", "go:buildinfo.ref", "go:fipsinfo", "go:func.*", "go:main.inittasks",
	"go:textfipsstart", "go:textfipsend", "go:rodatafipsstart", "go:rodatafipsend",
	"go:noptrdatafipsstart", "go:noptrdatafipsend", "go:datafipsstart", "go:datafipsend",
	"local.moduledata", "runtime.findfunctab", "runtime.gcdata", "runtime.gcbss", "runtime.lastmoduledatap",
	"runtime.textsectionmap", "runtime.pclntab", "runtime.epclntab",
	"runtime.unreachableMethod", // A word that keeps main.next; linkerAssembly explains.
}

// findCode returns the functions of the program, which follow each other in .text.
func findCode(f *elf.File, symbols []elf.Symbol) ([]byte, error) {
	text := f.Section(".text")
	if text == nil || text.Type != elf.SHT_PROGBITS {
		return nil, errors.New("section .text, the code, is missing")
	}
	if want := textAddress(f.Class); text.Addr != want {
		return nil, fmt.Errorf("section .text is not linked for its place: it is at %#x; link with -T %#x", text.Addr, want)
	}
	var functions []elf.Symbol
	for _, s := range symbols {
		if s.Size == 0 || int(s.Section) >= len(f.Sections) || f.Sections[s.Section] != text || slices.Contains(linkerSymbols, s.Name) {
			continue
		}
		if !strings.HasPrefix(s.Name, "main.") {
			return nil, fmt.Errorf("symbol %s is a function that is not the program's own; it would need the runtime", s.Name)
		}
		functions = append(functions, s)
	}
	slices.SortStableFunc(functions, func(a, b elf.Symbol) int { return cmp.Compare(a.Value, b.Value) })

	// The functions have to cover the code from its beginning on, except for what aligns them.
	end := text.Addr
	for _, s := range functions {
		if s.Value < end || s.Value-end > maxPad {
			return nil, fmt.Errorf("symbol %s begins at %#x, but the code before it ends at %#x", s.Name, s.Value, end)
		}
		if s.Value+s.Size > text.Addr+text.FileSize {
			return nil, fmt.Errorf("symbol %s is not all in section .text", s.Name)
		}
		end = s.Value + s.Size
	}
	if err := checkEntry(f, functions); err != nil {
		return nil, err
	}
	data, err := text.Data()
	if err != nil {
		return nil, fmt.Errorf("section .text cannot be read: %w", err)
	}
	return data[:end-text.Addr], nil
}

// checkEntry refuses a program that does not start at main.entry, or whose main.entry does not fall through into main.next.
func checkEntry(f *elf.File, functions []elf.Symbol) error {
	index := func(name string) int {
		return slices.IndexFunc(functions, func(s elf.Symbol) bool { return s.Name == name })
	}
	entry, next := index("main.entry"), index("main.next")
	switch {
	case entry < 0:
		return errors.New("symbol main.entry is missing: the program has to start there")
	case next < 0:
		return errors.New("symbol main.next is missing: the linker did not keep it")
	case functions[entry].Value != f.Entry:
		return fmt.Errorf("e_entry is %#x; it has to be the address of main.entry, %#x", f.Entry, functions[entry].Value)
	}
	if next < entry {
		return errors.New("main.entry does not fall through into main.next: it comes after it")
	}
	// Other assembly may be between. What runs on has to touch main.next; main.version is data that nothing runs into.
	last := functions[next-1]
	if gap := functions[next].Value - last.Value - last.Size; gap != 0 && last.Name != "main.version" {
		return fmt.Errorf("main.entry does not fall through into main.next: %d bytes are between it and %s", gap, last.Name)
	}
	return nil
}

// checkData refuses whatever is in memory besides the code and is not the linker's own.
func checkData(f *elf.File, symbols []elf.Symbol) error {
	for _, s := range symbols {
		if s.Size == 0 || int(s.Section) >= len(f.Sections) || slices.Contains(linkerSymbols, s.Name) {
			continue
		}
		section := f.Sections[s.Section]
		switch {
		case section.Name == ".text" || section.Flags&elf.SHF_ALLOC == 0:
		case section.Flags&elf.SHF_WRITE != 0:
			return fmt.Errorf("symbol %s, %d bytes in %s: there is no writable memory but the stack", s.Name, s.Size, section.Name)
		default:
			return fmt.Errorf("symbol %s, %d bytes in %s: constants have to be part of the code", s.Name, s.Size, section.Name)
		}
	}
	for _, section := range f.Sections {
		switch section.Name {
		case ".bss", ".noptrbss":
			if section.Size != 0 {
				return fmt.Errorf("section %s has %d bytes: there is no writable memory but the stack", section.Name, section.Size)
			}
		case ".rodata", ".data", ".noptrdata":
			if err := checkCovered(section, symbols); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkCovered refuses bytes of a section that belong to no symbol, unless they are zero: some constants of the compiler
// have no name in the symbol table.
func checkCovered(section *elf.Section, symbols []elf.Symbol) error {
	data, err := section.Data()
	if err != nil {
		return fmt.Errorf("section %s cannot be read: %w", section.Name, err)
	}
	for _, s := range symbols {
		if s.Value < section.Addr || s.Value-section.Addr >= uint64(len(data)) {
			continue
		}
		from := data[s.Value-section.Addr:]
		clear(from[:min(s.Size, uint64(len(from)))])
	}
	for i, b := range data {
		if b != 0 {
			return fmt.Errorf("section %s has data at %#x that belongs to no symbol: constants have to be part of the code",
				section.Name, section.Addr+uint64(i))
		}
	}
	return nil
}

// write returns the packed file.
//
// It has no section headers, but e_shentsize says how large one would be: the linkers write it so, and ClamAV calls a program
// broken that has another size there, 0 too. The kernel does not read it.
func write(f *elf.File, page uint64, flags uint32, code []byte) (out []byte, err error) {
	ident := [elf.EI_NIDENT]byte{
		0x7f, 'E', 'L', 'F',
		elf.EI_CLASS: byte(f.Class), elf.EI_DATA: byte(f.Data), elf.EI_VERSION: byte(elf.EV_CURRENT),
	}
	if f.Class == elf.ELFCLASS32 {
		size := uint32(header32 + len(code))
		out, err = binary.Append(nil, f.ByteOrder, struct {
			elf.Header32
			Load, Stack elf.Prog32
		}{
			elf.Header32{
				Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(f.Machine), Version: uint32(elf.EV_CURRENT),
				Entry: uint32(f.Entry), Phoff: 52, Flags: flags, Ehsize: 52, Phentsize: 32, Phnum: 2, Shentsize: 40,
			},
			elf.Prog32{
				Type: uint32(elf.PT_LOAD), Vaddr: base, Paddr: base, Filesz: size, Memsz: size,
				Flags: uint32(elf.PF_R | elf.PF_X), Align: uint32(page),
			},
			elf.Prog32{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 4},
		})
	} else {
		size := uint64(header64 + len(code))
		out, err = binary.Append(nil, f.ByteOrder, struct {
			elf.Header64
			Load, Stack elf.Prog64
		}{
			elf.Header64{
				Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(f.Machine), Version: uint32(elf.EV_CURRENT),
				Entry: f.Entry, Phoff: 64, Flags: flags, Ehsize: 64, Phentsize: 56, Phnum: 2, Shentsize: 64,
			},
			elf.Prog64{
				Type: uint32(elf.PT_LOAD), Vaddr: base, Paddr: base, Filesz: size, Memsz: size,
				Flags: uint32(elf.PF_R | elf.PF_X), Align: page,
			},
			elf.Prog64{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 8},
		})
	}
	return append(out, code...), err
}

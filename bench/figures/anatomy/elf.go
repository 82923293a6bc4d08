package anatomy

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"example.com/pause/tools/freestanding/elfpack"
)

// functions says what each function of the program is for (package pause), and which file has it.
var functions = map[string]string{
	"main.entry": "where the kernel starts the program (entry_amd64.s)",
	"main.begin": "the first call, then the loop that makes system calls; it runs on into `next` (entry_amd64.s)",
	"main.next":  "which system call comes after the last one (pause.go)",
	"main.start": "which system call is the first (pause.go)",
}

// version is what the program prints for -v, among its code.
var version = regexp.MustCompile(`pause [!-~]{1,20}\n`)

// elfPart explains a program that elfpack packed from linked.
func elfPart(program, linked []byte) (Part, error) {
	packed, err := elfpack.Pack(linked)
	if err != nil {
		return Part{}, err
	}
	if !bytes.Equal(packed, program) {
		return Part{}, errors.New("it is not what the linker makes of the same sources")
	}
	header, code, err := headers(program)
	if err != nil {
		return Part{}, err
	}
	symbols, err := symbols(linked, uint64(code.address))
	if err != nil {
		return Part{}, err
	}
	sections := header
	for i, s := range symbols {
		purpose, ok := functions[s.Name]
		if !ok {
			return Part{}, fmt.Errorf("nothing is known about the function %s", s.Name)
		}
		end := len(program)
		if i+1 < len(symbols) {
			end = int(symbols[i+1].Value) - code.base
		}
		ranges, err := disassemble(program, int(s.Value)-code.base, end, code.base, symbols)
		if err != nil {
			return Part{}, fmt.Errorf("%s: %w", s.Name, err)
		}
		sections = append(sections, Section{Title: "`" + s.Name + "`, " + purpose + ":", Ranges: ranges})
	}
	return Part{
		Title: "The program",
		Note: "An ELF executable (gABI, and the psABI of AMD64): header, two program headers, code. The instructions are " +
			"in the syntax of Go's assembler, and jumps have the offset that they lead to.",
		Data: program, Sections: sections,
	}, nil
}

// place is where code is: its address in memory, and that of the file's first byte.
type place struct{ address, base int }

// headers explains the ELF header and the program headers.
func headers(program []byte) ([]Section, place, error) {
	var h elf.Header64
	var segments [2]elf.Prog64
	r := bytes.NewReader(program)
	if err := binary.Read(r, binary.LittleEndian, &h); err != nil {
		return nil, place{}, err
	}
	if err := binary.Read(r, binary.LittleEndian, &segments); err != nil {
		return nil, place{}, err
	}
	if elf.Class(h.Ident[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Machine(h.Machine) != elf.EM_X86_64 || h.Phnum != 2 {
		return nil, place{}, errors.New("no ELF file for linux/amd64 with two program headers")
	}
	var header Section
	at := 0
	section := &header
	add := func(length int, format string, args ...any) {
		section.Ranges = append(section.Ranges, Range{Offset: at, Length: length, Meaning: fmt.Sprintf(format, args...)})
		at += length
	}
	header.Title = "The ELF header:"
	add(4, "`e_ident`: the magic number of ELF")
	add(1, "`EI_CLASS`: %v", elf.Class(h.Ident[elf.EI_CLASS]))
	add(1, "`EI_DATA`: %v, the byte order", elf.Data(h.Ident[elf.EI_DATA]))
	add(1, "`EI_VERSION`: %v", elf.Version(h.Ident[elf.EI_VERSION]))
	add(1, "`EI_OSABI`: %v, nothing of its own is used", elf.OSABI(h.Ident[elf.EI_OSABI]))
	add(1, "`EI_ABIVERSION`")
	add(7, "`EI_PAD`: unused")
	add(2, "`e_type`: %v, to be loaded at a fixed address", elf.Type(h.Type))
	add(2, "`e_machine`: %v", elf.Machine(h.Machine))
	add(4, "`e_version`: %v", elf.Version(h.Version))
	add(8, "`e_entry`: the address of `main.entry`, %#x", h.Entry)
	add(8, "`e_phoff`: the program headers are at %d", h.Phoff)
	add(8, "`e_shoff`: there are no section headers")
	add(4, "`e_flags`: the architecture has none")
	add(2, "`e_ehsize`: the size of this header, %d", h.Ehsize)
	add(2, "`e_phentsize`: the size of a program header, %d", h.Phentsize)
	add(2, "`e_phnum`: %d program headers", h.Phnum)
	add(2, "`e_shentsize`: the size of a section header, %d", h.Shentsize)
	add(2, "`e_shnum`: no section header")
	add(2, "`e_shstrndx`: no section has the names of sections")
	sections := []Section{header}
	for i, p := range segments {
		section = &Section{Title: fmt.Sprintf("Program header %d, what is loaded:", i+1)}
		stack := elf.ProgType(p.Type) == elf.PT_GNU_STACK
		if stack {
			section.Title = fmt.Sprintf("Program header %d, the stack:", i+1)
		}
		meaning := func(loaded, unused string) string {
			if stack {
				return unused
			}
			return loaded
		}
		add(4, "`p_type`: %v", elf.ProgType(p.Type))
		add(4, "`p_flags`: %v, %s", elf.ProgFlag(p.Flags), meaning("readable and executable, not writable", "readable and writable, not executable"))
		add(8, "`p_offset`: %s", meaning("from the first byte of the file on", "unused"))
		add(8, "`p_vaddr`: %s", meaning(fmt.Sprintf("to the address %#x", p.Vaddr), "unused"))
		add(8, "`p_paddr`: %s", meaning("the same, where memory is physical", "unused"))
		add(8, "`p_filesz`: %s", meaning(fmt.Sprintf("%d bytes of the file", p.Filesz), "unused"))
		add(8, "`p_memsz`: %s", meaning("and as many in memory", "the usual size"))
		add(8, "`p_align`: %s", meaning(fmt.Sprintf("the size of a page, %d", p.Align), "unused"))
		sections = append(sections, *section)
	}
	base := int(segments[0].Vaddr)
	return sections, place{address: base + at, base: base}, nil
}

// symbols returns the functions of the program in order, of which the first begins at address.
func symbols(linked []byte, address uint64) ([]elf.Symbol, error) {
	// cmd/link writes wrong program headers here, and debug/elf refuses them; package elfpack explains. Without any, it reads
	// the symbols.
	linked = slices.Clone(linked)
	const phnum = 56
	linked[phnum], linked[phnum+1] = 0, 0
	f, err := elf.NewFile(bytes.NewReader(linked))
	if err != nil {
		return nil, err
	}
	all, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	text := f.Section(".text")
	var found []elf.Symbol
	for _, s := range all {
		if s.Size > 0 && int(s.Section) < len(f.Sections) && f.Sections[s.Section] == text && strings.HasPrefix(s.Name, "main.") {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b elf.Symbol) int { return int(int64(a.Value) - int64(b.Value)) })
	if len(found) == 0 || found[0].Value != address {
		return nil, errors.New("no function begins where the headers end")
	}
	return found, nil
}

// disassemble explains the bytes of program from one offset to another, instruction by instruction.
func disassemble(program []byte, from, to, base int, symbols []elf.Symbol) ([]Range, error) {
	name := func(address uint64) (string, uint64) {
		for _, s := range symbols {
			if address == s.Value {
				return s.Name, s.Value
			}
		}
		return "", 0
	}
	var ranges []Range
	for from < to {
		if m := version.FindIndex(program[from:to]); m != nil && m[0] == 0 {
			ranges = append(ranges, Range{Offset: from, Length: m[1], Text: true, Meaning: "the version, which `-v` prints"})
			from += m[1]
			continue
		}
		inst, err := x86asm.Decode(program[from:to], 64)
		if err != nil {
			return nil, fmt.Errorf("byte %d: %w", from, err)
		}
		text := x86asm.GoSyntax(inst, uint64(base+from), name)
		if to, ok := inst.Args[0].(x86asm.Rel); ok {
			target := from + inst.Len + int(to)
			text = strings.Replace(text, fmt.Sprintf("%#x", base+target), strconv.Itoa(target), 1)
		}
		ranges = append(ranges, Range{Offset: from, Length: inst.Len, Meaning: "`" + text + "`"})
		from += inst.Len
	}
	return ranges, nil
}

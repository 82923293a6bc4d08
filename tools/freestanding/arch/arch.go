// Package arch is the one table of what an architecture is: its name in Go, its ABI in ELF, and how Go assembles for it.
package arch

import (
	"debug/elf"
	"encoding/binary"
	"maps"
	"slices"
)

// An Arch is a port of Go for Linux.
type Arch struct {
	Machine elf.Machine // e_machine of its programs; with Class and Data it names one port
	Class   elf.Class
	Data    elf.Data // byte order
	// PageSize is the largest page size, in bytes, that Linux is commonly built with: the alignment of PT_LOAD.
	PageSize uint64
	// RegisterABI says that Go passes arguments in registers: ABIInternal differs from ABI0 (cmd/compile/abi-internal.md).
	RegisterABI bool
	// Directive is how the assembler writes down the smallest piece of code: BYTE, or WORD for one of 4 bytes.
	Directive string
	FuncAlign int      // Alignment of functions in bytes: the least that the architecture can run.
	Env       []string // Which variant of the port, as the environment tells Go's tools.
}

// arches by GOARCH.
var arches = map[string]Arch{
	"386":      {elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB, 4 << 10, false, "BYTE", 1, []string{"GO386=sse2"}},
	"amd64":    {elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB, 4 << 10, true, "BYTE", 1, []string{"GOAMD64=v1"}},
	"arm":      {elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB, 4 << 10, false, "WORD", 4, []string{"GOARM=7"}},
	"arm64":    {elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB, 64 << 10, true, "WORD", 4, []string{"GOARM64=v8.0"}},
	"loong64":  {elf.EM_LOONGARCH, elf.ELFCLASS64, elf.ELFDATA2LSB, 64 << 10, true, "WORD", 4, nil},
	"mips64le": {elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2LSB, 64 << 10, false, "WORD", 4, []string{"GOMIPS64=hardfloat"}},
	"ppc64le":  {elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2LSB, 64 << 10, true, "WORD", 4, []string{"GOPPC64=power8"}},
	"riscv64":  {elf.EM_RISCV, elf.ELFCLASS64, elf.ELFDATA2LSB, 4 << 10, true, "WORD", 2, []string{"GORISCV64=rva20u64"}},
	"s390x":    {elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB, 4 << 10, true, "WORD", 2, nil},
}

// Names returns every GOARCH that Get knows, sorted.
func Names() []string { return slices.Sorted(maps.Keys(arches)) }

// Get returns the architecture that Go calls goarch; ok is false if there is none.
func Get(goarch string) (a Arch, ok bool) {
	a, ok = arches[goarch]
	return a, ok
}

// Of returns the architecture that an ELF header is of; ok is false if there is none.
func Of(header elf.FileHeader) (a Arch, ok bool) {
	for _, a := range arches {
		if a.Machine == header.Machine && a.Class == header.Class && a.Data == header.Data {
			return a, true
		}
	}
	return Arch{}, false
}

// ByteOrder returns the order of the bytes of a number.
func (a Arch) ByteOrder() binary.ByteOrder {
	if a.Data == elf.ELFDATA2MSB {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// PointerSize returns the size of a pointer in bytes.
func (a Arch) PointerSize() int {
	if a.Class == elf.ELFCLASS32 {
		return 4
	}
	return 8
}

package freestanding

import (
	"debug/elf"
	"encoding/binary"
	"maps"
	"slices"
)

// An arch is a port of Go for Linux: its name in Go, its ABI in ELF, and how Go assembles for it.
type arch struct {
	machine elf.Machine // e_machine of its programs; with class and data it names one port
	class   elf.Class
	data    elf.Data // byte order
	// pageSize is the largest page size, in bytes, that Linux is commonly built with: the alignment of PT_LOAD.
	pageSize uint64
	// registerABI says that Go passes arguments in registers: ABIInternal differs from ABI0 (cmd/compile/abi-internal.md).
	registerABI bool
	// directive is how the assembler writes down the smallest piece of code: BYTE, or WORD for one of 4 bytes.
	directive string
	funcAlign int      // Alignment of functions in bytes: the least that the architecture can run.
	env       []string // Which variant of the port, as the environment tells Go's tools.
}

// arches is the one table of what an architecture is, by GOARCH.
var arches = map[string]arch{
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

// Architectures returns every GOARCH that programs can be built for, sorted.
func Architectures() []string { return slices.Sorted(maps.Keys(arches)) }

// byteOrder returns the order of the bytes of a number.
func (a arch) byteOrder() binary.ByteOrder {
	if a.data == elf.ELFDATA2MSB {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// pointerSize returns the size of a pointer in bytes.
func (a arch) pointerSize() int {
	if a.class == elf.ELFCLASS32 {
		return 4
	}
	return 8
}

package freestanding

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
)

// budget is the most bytes that a program may have, on any architecture.
const budget = 640

// mustLink returns the program for an architecture as cmd/link leaves it.
func mustLink(t testing.TB, goarch string) []byte {
	t.Helper()
	c := config(t)
	c.GOARCH = goarch
	linked, err := link(c)
	need.NoError(t, err)
	return linked
}

// TestPack: every architecture builds, within the budget, to a file that debug/elf accepts: two program headers, nothing writable
// and executable, and a stack that is not executable. The header fields are what the table arches says, e_flags are the linker's,
// and the code is where it was linked. Whether the table is right is for the tests that know the architectures a second time.
func TestPack(t *testing.T) {
	for goarch, want := range arches {
		t.Run(goarch, func(t *testing.T) {
			t.Parallel()
			linked := mustLink(t, goarch)
			packed, err := pack(want, linked)
			need.NoError(t, err)
			t.Logf("%d bytes", len(packed))
			if len(packed) > budget {
				t.Errorf("%d bytes are more than the budget of %d", len(packed), budget)
			}
			f, err := elf.NewFile(bytes.NewReader(packed))
			need.NoError(t, err)
			var kinds []string
			for _, p := range f.Progs {
				kinds = append(kinds, p.Type.String()+" "+p.Flags.String())
			}
			if got, want := strings.Join(kinds, ", "), "PT_LOAD PF_X+PF_R, PT_GNU_STACK PF_W+PF_R"; got != want {
				t.Fatalf("program headers are %s; want %s", got, want)
			}
			at := 48
			if want.class == elf.ELFCLASS32 {
				at = 36
			}
			if f.Machine != want.machine || f.Class != want.class || f.Data != want.data {
				t.Errorf("got %v, %v, %v; want %+v", f.Machine, f.Class, f.Data, want)
			}
			if !bytes.Equal(packed[at:at+4], linked[at:at+4]) {
				t.Errorf("e_flags are %#x; the linker's are %#x", packed[at:at+4], linked[at:at+4])
			}
			// e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum and e_shstrndx follow.
			sizes := [6]uint16{64, 56, 2, 64, 0, 0}
			if want.class == elf.ELFCLASS32 {
				sizes = [6]uint16{52, 32, 2, 40, 0, 0}
			}
			var got [6]uint16
			if _, err := binary.Decode(packed[at+4:], f.ByteOrder, &got); err != nil || got != sizes {
				t.Errorf("sizes and numbers of headers are %v (%v); want %v", got, err, sizes)
			}
			load := f.Progs[0]
			if load.Align != want.pageSize || load.Off != 0 || load.Vaddr%load.Align != 0 || load.Filesz != uint64(len(packed)) || load.Memsz != load.Filesz {
				t.Errorf("PT_LOAD is %+v; want the whole file of %d bytes, aligned to %#x", load.ProgHeader, len(packed), want.pageSize)
			}
			if len(f.Sections) != 0 {
				t.Errorf("%d sections; want none", len(f.Sections))
			}
			if f.Entry < load.Vaddr || f.Entry >= load.Vaddr+load.Filesz {
				t.Errorf("e_entry %#x is outside", f.Entry)
			}
		})
	}
}

// TestPackRefuses: every property that a packed file cannot have is refused, and the message names the symbol or section.
func TestPackRefuses(t *testing.T) {
	const entrySize = 64
	good := mustLink(t, "amd64")
	f, _, err := open(arches["amd64"], good)
	need.NoError(t, err)
	order := binary.LittleEndian
	shoff := int(order.Uint64(good[40:]))
	section := func(b []byte, name string) []byte {
		for i, s := range f.Sections {
			if s.Name == name {
				return b[shoff+i*entrySize:][:entrySize]
			}
		}
		t.Fatalf("no section %s", name)
		return nil
	}
	rename := func(b []byte, from, to string) {
		if len(from) < len(to) || !bytes.Contains(b, []byte("\x00"+from+"\x00")) {
			t.Fatalf("cannot rename %s", from)
		}
		copy(b[bytes.LastIndex(b, []byte("\x00"+from+"\x00"))+1:], to+"\x00")
	}
	// symbolSize is where the size of a symbol stands.
	symbolSize := func(name string) uint64 {
		const nullSymbol, symbolEntry, sizeOffset = 1, 24, 16
		symbols, err := f.Symbols()
		need.NoError(t, err)
		for i, s := range symbols {
			if s.Name == name {
				return f.Section(".symtab").Offset + uint64(i+nullSymbol)*symbolEntry + sizeOffset
			}
		}
		t.Fatalf("no symbol %s", name)
		return 0
	}
	for want, change := range map[string]func(b []byte){
		"main.entry does not fall through into main.next: 1 bytes are between": func(b []byte) { b[symbolSize("main.begin")]-- },
		"symbol main.start begins at":                                          func(b []byte) { b[symbolSize("main.next")]++ },
		"symbol main.start is not all in section .text":                        func(b []byte) { b[symbolSize("main.start")+1]++ },
		"no ELF file":                    func(b []byte) { b[0] = 'x' },
		"a file for EM_SPARCV9":          func(b []byte) { order.PutUint16(b[18:], uint16(elf.EM_SPARCV9)) },
		"type ET_DYN":                    func(b []byte) { order.PutUint16(b[16:], uint16(elf.ET_DYN)) },
		"e_entry":                        func(b []byte) { b[24]++ },
		"section .bss has 8 bytes":       func(b []byte) { order.PutUint64(section(b, ".bss")[32:], 8) },
		"is not linked for its place":    func(b []byte) { order.PutUint64(section(b, ".text")[16:], 0x401000) },
		"symbol runtime.s is a function": func(b []byte) { rename(b, "main.start", "runtime.s") },
		"symbol main.next is missing":    func(b []byte) { rename(b, "main.next", "main.nex") },
		"symbol main.entry is missing":   func(b []byte) { rename(b, "main.entry", "main.entr") },
		"symbol main.counter, 1 bytes in .noptrdata: there is no writable memory": func(b []byte) { rename(b, "go:noptrdatafipsend", "main.counter") },
		"symbol main.table":    func(b []byte) { rename(b, "runtime.gcdata", "main.table") },
		"belongs to no symbol": func(b []byte) { s := f.Section(".rodata"); b[s.Offset+2] = 1 },
		"section .x":           func(b []byte) { rename(b, ".noptrbss", ".x") },
	} {
		t.Run(want, func(t *testing.T) {
			b := bytes.Clone(good)
			change(b)
			packed, err := pack(arches["amd64"], b)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error is %v; want one that contains %q", err, want)
			}
			if packed != nil {
				t.Error("there is output besides the error")
			}
		})
	}
}

package elfpack_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"example.com/pause/tools/freestanding"
	"example.com/pause/tools/freestanding/arch"
	"example.com/pause/tools/freestanding/elfpack"
	"example.com/pause/tools/freestanding/sdktest"
)

// link returns the program for an architecture as cmd/link leaves it.
func link(t testing.TB, goarch string) []byte {
	t.Helper()
	linked, err := freestanding.Link(freestanding.Config{
		SDK: sdktest.SDK(t), GOARCH: goarch, Program: "pause", Version: "1.0.0", Srcs: sdktest.Sources(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	return linked
}

// TestPack: on every architecture the header fields are what package arch says, e_flags are the linker's, and the code is
// where it was linked. Whether package arch is right is for the tests that know the architectures a second time.
func TestPack(t *testing.T) {
	for _, goarch := range arch.Names() {
		t.Run(goarch, func(t *testing.T) {
			t.Parallel()
			want, _ := arch.Get(goarch)
			linked := link(t, goarch)
			packed, err := elfpack.Pack(linked)
			if err != nil {
				t.Fatal(err)
			}
			f, err := elf.NewFile(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			at := 48
			if want.Class == elf.ELFCLASS32 {
				at = 36
			}
			if f.Machine != want.Machine || f.Class != want.Class || f.Data != want.Data {
				t.Errorf("got %v, %v, %v; want %+v", f.Machine, f.Class, f.Data, want)
			}
			if !bytes.Equal(packed[at:at+4], linked[at:at+4]) {
				t.Errorf("e_flags are %#x; the linker's are %#x", packed[at:at+4], linked[at:at+4])
			}
			// e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum and e_shstrndx follow.
			sizes := [6]uint16{64, 56, 2, 64, 0, 0}
			if want.Class == elf.ELFCLASS32 {
				sizes = [6]uint16{52, 32, 2, 40, 0, 0}
			}
			var got [6]uint16
			if _, err := binary.Decode(packed[at+4:], f.ByteOrder, &got); err != nil || got != sizes {
				t.Errorf("sizes and numbers of headers are %v (%v); want %v", got, err, sizes)
			}
			load := f.Progs[0]
			if load.Align != want.PageSize || load.Off != 0 || load.Vaddr%load.Align != 0 || load.Filesz != uint64(len(packed)) || load.Memsz != load.Filesz {
				t.Errorf("PT_LOAD is %+v; want the whole file of %d bytes, aligned to %#x", load.ProgHeader, len(packed), want.PageSize)
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

// TestRefused: every property that a packed file cannot have is refused, and the message names the symbol or section.
func TestRefused(t *testing.T) {
	const headerSize, entrySize = 64, 64
	good := link(t, "amd64")
	f := open(t, good)
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
		if err != nil {
			t.Fatal(err)
		}
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
		"bytes are less than a header":                                         nil,
		"no ELF file":                                                          func(b []byte) { b[0] = 'x' },
		"no architecture is known for EM_SPARCV9":                              func(b []byte) { order.PutUint16(b[18:], uint16(elf.EM_SPARCV9)) },
		"no architecture is known for EM_ARM, ELFCLASS64":                      func(b []byte) { order.PutUint16(b[18:], uint16(elf.EM_ARM)) },
		"type ET_DYN":                      func(b []byte) { order.PutUint16(b[16:], uint16(elf.ET_DYN)) },
		"e_entry":                          func(b []byte) { b[24]++ },
		"section .rodata is compressed":    func(b []byte) { order.PutUint64(section(b, ".rodata")[8:], uint64(elf.SHF_ALLOC|elf.SHF_COMPRESSED)) },
		"section .bss: there is no thread": func(b []byte) { order.PutUint64(section(b, ".bss")[8:], uint64(elf.SHF_TLS)) },
		"section .rodata: relocations":     func(b []byte) { order.PutUint32(section(b, ".rodata")[4:], uint32(elf.SHT_RELA)) },
		"section .data: dynamic linking":   func(b []byte) { order.PutUint32(section(b, ".data")[4:], uint32(elf.SHT_DYNAMIC)) },
		"section .bss has 8 bytes":         func(b []byte) { order.PutUint64(section(b, ".bss")[32:], 8) },
		"is not linked for its place":      func(b []byte) { order.PutUint64(section(b, ".text")[16:], 0x401000) },
		"symbol runtime.s is a function":   func(b []byte) { rename(b, "main.start", "runtime.s") },
		"symbol main.next is missing":      func(b []byte) { rename(b, "main.next", "main.nex") },
		"symbol main.entry is missing":     func(b []byte) { rename(b, "main.entry", "main.entr") },
		"symbol main.counter, 1 bytes in .noptrdata: there is no writable memory": func(b []byte) { rename(b, "go:noptrdatafipsend", "main.counter") },
		"symbol main.table":    func(b []byte) { rename(b, "runtime.gcdata", "main.table") },
		"belongs to no symbol": func(b []byte) { s := f.Section(".rodata"); b[s.Offset+2] = 1 },
		"section .x":           func(b []byte) { rename(b, ".noptrbss", ".x") },
	} {
		t.Run(want, func(t *testing.T) {
			b := bytes.Clone(good)
			if change == nil {
				b = b[:headerSize-1]
			} else {
				change(b)
			}
			packed, err := elfpack.Pack(b)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error is %v; want one that contains %q", err, want)
			}
			if packed != nil {
				t.Error("there is output besides the error")
			}
		})
	}
}

// open parses a linked file as Pack does: without its program headers.
func open(t testing.TB, linked []byte) *elf.File {
	t.Helper()
	b := bytes.Clone(linked)
	b[56], b[57] = 0, 0
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestKeepsInput: Pack does not change what it reads.
func TestKeepsInput(t *testing.T) {
	linked := link(t, "amd64")
	before := bytes.Clone(linked)
	if _, err := elfpack.Pack(linked); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, linked) {
		t.Error("the input was changed")
	}
}

// FuzzPack: no file makes Pack panic, every output is a whole ELF file that debug/elf accepts, no larger than its input,
// and there is none besides an error.
func FuzzPack(f *testing.F) {
	// Those with small pages: their files are a tenth of the others'.
	for _, goarch := range []string{"amd64", "386"} {
		f.Add(link(f, goarch))
	}
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, linked []byte) {
		packed, err := elfpack.Pack(linked)
		if err != nil {
			if packed != nil {
				t.Error("there is output besides the error")
			}
			return
		}
		if len(packed) > len(linked)+176 {
			t.Errorf("%d bytes became %d", len(linked), len(packed))
		}
		if _, err := elf.NewFile(bytes.NewReader(packed)); err != nil {
			t.Errorf("the output is no ELF file: %v", err)
		}
	})
}

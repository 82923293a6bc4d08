package freestanding

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
)

// TestPackRefuses: every property that a packed file cannot have is refused, and the message names the symbol or section.
func TestPackRefuses(t *testing.T) {
	const entrySize = 64
	good, err := link(config(t))
	need.NoError(t, err)
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

// Command elfpack packs a freestanding program that cmd/link has linked. Package elfpack says how.
//
//	elfpack LINKED PACKED
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"example.com/pause/tools/elfpack"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "Usage: elfpack LINKED PACKED")
		os.Exit(2)
	}
	if err := pack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "elfpack: %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

// pack packs the file called from into one called to, which is written as a whole or not at all.
func pack(from, to string) (err error) {
	linked, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	packed, err := elfpack.Pack(linked)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".elfpack-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(packed)
	if e := f.Chmod(0o755); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), to)
}

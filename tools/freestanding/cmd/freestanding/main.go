// Command freestanding builds a Go program without the Go runtime.
package main

import (
	"flag"
	"fmt"
	"os"

	"example.com/pause/tools/freestanding"
)

func main() {
	var c freestanding.Config
	flag.StringVar(&c.SDK, "sdk", "", "GOROOT of the Go SDK")
	flag.StringVar(&c.GOARCH, "goarch", "", "architecture of the program")
	flag.StringVar(&c.Version, "version", "1.0.0", "what -v prints after the name")
	out := flag.String("o", "", "file to write")
	flag.Parse()
	c.Srcs = flag.Args()
	b, err := freestanding.Build(c)
	if err == nil {
		err = os.WriteFile(*out, b, 0o777)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "freestanding:", err)
		os.Exit(1)
	}
}

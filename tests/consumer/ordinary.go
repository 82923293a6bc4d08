// Command ordinary says which Go it was compiled by.
package main

import (
	"fmt"
	"runtime"
)

func main() { fmt.Println(runtime.Version()) }

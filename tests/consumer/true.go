//go:build freestanding

// Command true exits with 0. It shows what pause's rule freestanding_binary asks of a program: an assembly function entry,
// where the kernel starts it, and a Go function next, which the assembly falls through into.
package main

// next decides on the system call to make: exit_group with the status that the assembly gives it.
//
//go:nosplit
func next(status uintptr) (argument, number uintptr) {
	return status, 231
}

// main is never called; a package main must have one.
func main() {}

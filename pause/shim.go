//go:build freestanding

package main

import _ "unsafe"

//go:linkname mapinitnoop runtime.mapinitnoop
func mapinitnoop() {}

//go:linkname moduledata type:runtime.moduledata
var moduledata uintptr = 4096

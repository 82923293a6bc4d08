//go:build freestanding

package main

import "unsafe"

func main() {}

//go:nosplit
func next(a, b, c, d, nr uintptr, text *byte) (a1, b1, c1, d1, nr1 uintptr) {
	r := int(a)
	switch {
	case nr == sysStart:
		s := (*struct {
			argc  uintptr
			argv0 uintptr
			argv1 *[3]byte
		})(unsafe.Pointer(a))
		if s.argc == 2 {
			v := s.argv1
			if v[0] == '-' && v[1] == 'v' && v[2] == 0 {
				return 1, uintptr(unsafe.Pointer(text)) + 16, uintptr(len(version)), 0, sysWrite
			}
		}
		return sigBlock, uintptr(unsafe.Pointer(text)), 0, sigsetSize, sysSigprocmask
	case nr == sysWait4:
		if r > 0 {
			break
		}
		if r == 0 || r == -eCHILD {
			return uintptr(unsafe.Pointer(text)), 0, 0, sigsetSize, sysSigtimedwait
		}
		fallthrough
	default:
		if nr == sysSigprocmask && r == 0 || nr == sysSigtimedwait && (r == sigCHLD || r == -eINTR) {
			break
		}
		return a >> (unsafe.Sizeof(a)*8 - 1), 0, 0, 0, sysExit
	}
	return ^uintptr(0), 0, wNOHANG, 0, sysWait4
}

const (
	sysStart = 0
	wNOHANG  = 1
	eINTR    = 4
	eCHILD   = 10
)

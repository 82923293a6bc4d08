//go:build freestanding

#include "textflag.h"

// The call leaves the address behind it on the stack; there next returns to, with the argument in AX and the number in BX.
TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	CALL main·begin(SB)
	MOVQ AX, DI
	MOVQ BX, AX
	SYSCALL

// begin falls through into next, with 0 for its argument. Go's functions are aligned, so its end has to be.
TEXT main·begin(SB), NOSPLIT|NOFRAME, $0
	XORL AX, AX
	PCALIGN $16

//go:build freestanding

#include "textflag.h"
#include "version.h"

// The kernel takes the number in R11 and the arguments in R4 to R7. Go passes arguments and results in R4 to R8.
//
// After the last instruction the program falls through into main·next, which tools/freestanding places there.
TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVV R3, R4          // s
	JAL text             // A call to get the address of what follows it: the version.
	VERSION
text:
	MOVV R1, R5          // text
	CALL main·start<ABIInternal>(SB)
	// Both start and next return to here: neither changes the link register.
	MOVV R8, R11         // the number
	SYSCALL
	ADDV R3, R7, R5      // s, moved by d

//go:build freestanding

#include "textflag.h"
#include "version.h"

// The kernel takes the number in X17 and the arguments in X10 to X13. Go passes arguments and results in X10 to X14.
//
// After the last instruction the program falls through into main·next, which tools/freestanding places there.
TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOV X2, X10          // s
	JAL X11, text        // text: a call to get the address of what follows it, the version
	VERSION
text:
	CALL main·start<ABIInternal>(SB)
	// Both start and next return to here: neither changes the link register.
	MOV X14, X17         // the number
	ECALL
	ADD X2, X13, X11     // s, moved by d

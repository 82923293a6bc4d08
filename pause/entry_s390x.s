//go:build freestanding

#include "textflag.h"
#include "version.h"

// The kernel takes the number in R1 and the arguments in R2 to R5. Go passes arguments and results in R2 to R6.
TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVD R15, R2                    // s
	MOVD $main·version(SB), R3      // text
	CALL main·start<ABIInternal>(SB)
	// Both start and next return to here: neither changes the link register.
	MOVD R6, R1                     // the number
	SYSCALL
	ADD R15, R5, R3                 // s, moved by d
	BR main·next<ABIInternal>(SB)   // This ends the 32nd byte. To fall through into next would take as many of nothing.

TEXT main·version(SB), NOSPLIT|NOFRAME, $0
	VERSION

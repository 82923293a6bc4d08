//go:build freestanding

#include "textflag.h"
#include "version.h"

// The kernel takes the number in R8 and the arguments in R0 to R3. Go passes arguments and results in R0 to R4.
//
// After the last instruction the program falls through into main·next, which tools/freestanding places there.
TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	BL text              // A call to get the address of what follows it: the version.
	VERSION
text:
	MOVD LR, R1          // text
	MOVD RSP, R0         // s
	BL main·start<ABIInternal>(SB)
	// Both start and next return to here: neither changes the link register.
	MOVD R4, R8          // the number
	SVC
	ADD R3, RSP, R1      // s, moved by d
	PCALIGN $16          // The linker aligns functions to 16 bytes, and what is between has to be instructions.

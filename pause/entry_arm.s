//go:build freestanding

#include "textflag.h"
#include "version.h"

// The kernel takes the number in R7 and the arguments in R0 to R3. Go passes everything on the stack: a word for itself,
// four of arguments, five of results.
//
// After the last instruction the program falls through into main·next, which tools/freestanding places there.
TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVW R13, R0                           // s
	BL text                                // A call to get the address of what follows it: the version.
	VERSION
text:
	SUB $40, R13
	MOVM.IB [R0, R14], (R13)               // s, text
	BL main·start(SB)
	// Both start and next return to here.
	ADD $20, R13                           // over the arguments
	MOVM.IA.W (R13), [R0, R1, R2, R3, R7]  // a, b, c, d and the number
	SWI $0
	ADD R3, R13, R1                        // s, moved by d
	SUB $20, R13                           // the results
	MOVM.DB.W [R0-R3], (R13)
	SUB $4, R13

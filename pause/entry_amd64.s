//go:build freestanding

#include "textflag.h"
#include "version.h"

// The kernel takes the number in AX and the arguments in DI, SI, DX, R10, and destroys CX and R11. Go passes arguments
// and results in AX, BX, CX, DI, SI.
//
// After the last instruction the program falls through into main·next, which tools/freestanding places there.
TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	CALL main·begin(SB)            // A call to get the address of what follows it: the version.
	VERSION

TEXT main·begin(SB), NOSPLIT|NOFRAME, $0
	POPQ BX                        // text
	MOVQ SP, AX                    // s
	CALL main·start<ABIInternal>(SB)
	// Both start and next return to here.
	MOVQ DI, R10                   // d
	XCHGQ AX, DI                   // a; exchanging with AX is a byte shorter than moving
	XCHGL AX, SI                   // the number
	MOVL CX, DX                    // c
	XCHGQ BX, SI                   // b
	SYSCALL
	MOVQ R10, DI                   // d
	LEAQ (SP)(R10*1), BX           // s, moved by d
	SUBQ $8, SP                    // Take back the return: the address of the loop is still there, below the stack.

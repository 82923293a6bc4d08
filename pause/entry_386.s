//go:build freestanding

#include "textflag.h"
#include "version.h"

// The kernel takes the number in AX and the arguments in BX, CX, DX, SI. Go passes everything on the stack: four words of
// arguments, then five of results.
//
// After the last instruction the program falls through into main·next, which tools/freestanding places there.
TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	CALL main·begin(SB) // A call to get the address of what follows it: the version.
	VERSION

TEXT main·begin(SB), NOSPLIT|NOFRAME, $0
	POPL CX             // text
	MOVL SP, BX         // s
	SUBL $28, SP        // two arguments that are not used, and the results
	PUSHL CX
	PUSHL BX
	CALL main·start(SB)
	// Both start and next return to here.
	ADDL $16, SP        // over the arguments
	POPL BX             // a
	POPL CX             // b
	POPL DX             // c
	POPL SI             // d
	POPL AX             // the number
	INT $0x80
	LEAL (SP)(SI*1), CX // s, moved by d
	SUBL $20, SP        // the results
	PUSHL SI
	PUSHL DX
	PUSHL CX
	PUSHL AX
	SUBL $4, SP         // Take back the return: the address of the loop is still there, below the stack.

//go:build freestanding

#include "textflag.h"
#include "version.h"

// The kernel takes the number in R2 and the arguments in R4 to R7; the result is in R2, and R7 is not 0 if it is an error
// and positive. Go passes everything on the stack: a word for itself, four of arguments, five of results.
//
// After the last instruction the program falls through into main·next, which tools/freestanding places there.
TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	// BGEZAL R0: a call over the delay slot and the version, to get the address of the latter. As a word, because the
	// assembler would fill the delay slot with nothing.
	WORD $(0x04110001+VERSION_WORDS)
	SUBVU $256, R29        // 80 would do, but does not compress as well.
	VERSION
	ADDVU $256, R29, g     // s. The compiler uses g for nothing else, and the kernel keeps it.
	MOVV g, 8(R29)
	MOVV R31, 16(R29)      // text
	JAL main·start(SB)
	// Both start and next return to here: neither changes the link register.
	MOVV 40(R29), R4       // a
	MOVV 48(R29), R5       // b
	MOVV 56(R29), R6       // c
	MOVV 64(R29), R7       // d
	MOVV 72(R29), R2       // the number
	MOVV R7, 32(R29)       // d
	ADDVU g, R7, R1        // s, moved by d
	MOVV R1, 16(R29)
	SYSCALL
	SUBVU R2, R0, R1
	CMOVZ R7, R2, R1
	MOVV R1, 8(R29)        // the result

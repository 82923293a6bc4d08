//go:build freestanding

#include "textflag.h"
#include "version.h"

// The kernel takes the number in R0 and the arguments in R3 to R6. Go passes arguments and results in R3 to R7.
// The kernel clears R4 to R12 on its way back (qemu-user does not).
//
// After the last instruction the program falls through into main·next, which tools/freestanding places there.
TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVD R1, R3          // s
	BL text              // A call to get the address of what follows it: the version.
	VERSION
text:
	MOVD LR, R4          // text
	CALL main·start<ABIInternal>(SB)
	// Both start and next return to here: neither changes the link register.
	MOVD R7, R0          // the number
	MOVD R6, R20         // d, out of the reach of the kernel
	SYSCALL
	BVC ok               // An error is a flag and a positive number.
	NEG R3, R3
ok:
	MOVD R20, R6         // d
	ADD R1, R6, R4       // s, moved by d
	MOVD $0, R0          // as Go has it

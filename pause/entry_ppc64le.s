//go:build freestanding
#include "textflag.h"
#include "version.h"

TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVD R1, R3
	MOVD $234, R7 // exit_group: see sysStart
	BL loop
	WORD $0x14002
	WORD $0
	WORD $0
	WORD $0
	VERSION
loop:
	MOVD LR, R29
again:
	MOVD $0, R0
	MOVD R29, R8
	CALL main·next<ABIInternal>(SB)
	MOVD R7, R0
	SYSCALL
	BVC again
	NEG R3, R3
	JMP again

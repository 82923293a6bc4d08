//go:build freestanding
#include "textflag.h"
#include "version.h"

TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVV R3, R4
	MOVV $94, R8 // exit_group: see sysStart
	JAL loop
	WORD $0x14002
	WORD $0
	WORD $0
	WORD $0
	VERSION
loop:
	MOVV R1, R23
again:
	MOVV R23, R9
	CALL main·next<ABIInternal>(SB)
	MOVV R8, R11
	SYSCALL
	JMP again

//go:build freestanding
#include "textflag.h"
#include "version.h"

TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVW R13, R0
	MOVW $248, R7 // exit_group: see sysStart
	SUB $48, R13
loop:
	MOVW R0, 4(R13)
	MOVW R7, 20(R13)
	ADD $32, R15, R1
	MOVW R1, 24(R13)
	BL main·next(SB)
	MOVW 28(R13), R0
	MOVW 32(R13), R1
	MOVW 36(R13), R2
	MOVW 40(R13), R3
	MOVW 44(R13), R7
	SWI $0
	B loop
	WORD $0x14002
	WORD $0
	WORD $0
	WORD $0
	VERSION

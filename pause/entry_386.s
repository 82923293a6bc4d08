//go:build freestanding
#include "textflag.h"
#include "version.h"

TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVL SP, AX
	MOVL $252, DI // exit_group: see sysStart
	CALL main·begin(SB)
	LONG $0x14002
	LONG $0
	LONG $0
	LONG $0
	VERSION
TEXT main·begin(SB), NOSPLIT|NOFRAME, $0
	SUBL $20, SP
loop:
	MOVL AX, 0(SP)
	MOVL DI, 16(SP)
	CALL main·next(SB)
	MOVL 24(SP), BX
	MOVL 28(SP), CX
	MOVL 32(SP), DX
	MOVL 36(SP), SI
	MOVL 40(SP), AX
	MOVL AX, DI
	INT $0x80
	JMP loop

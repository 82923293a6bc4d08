//go:build freestanding
#include "textflag.h"
#include "version.h"

TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVQ SP, AX
	MOVL $231, SI // exit_group: see sysStart
loop:
	LEAQ main·consts(SB), R8
	CALL main·next<ABIInternal>(SB)
	MOVL DI, R10
	MOVL CX, DX
	MOVL SI, R9
	MOVQ BX, SI
	MOVQ AX, DI
	MOVL R9, AX
	SYSCALL
	MOVL R9, SI
	JMP loop
TEXT main·consts(SB), NOSPLIT|NOFRAME, $0
	LONG $0x14002
	LONG $0
	LONG $0
	LONG $0
	VERSION

//go:build freestanding
#include "textflag.h"
#include "version.h"

TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOV X2, X10
	MOV $94, X14 // exit_group: see sysStart
	JAL X3, loop
	WORD $0x14002
	WORD $0
	WORD $0
	WORD $0
	VERSION
loop:
	MOV X3, X15
	CALL main·next<ABIInternal>(SB)
	MOV X14, X17
	ECALL
	JMP loop

//go:build freestanding
#include "textflag.h"
#include "version.h"

TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVD RSP, R0
	MOVD $94, R4 // exit_group: see sysStart
loop:
	ADR consts, R5
	BL main·next<ABIInternal>(SB)
	MOVD R4, R8
	SVC
	B loop
consts:
	WORD $0x14002
	WORD $0
	WORD $0
	WORD $0
	VERSION

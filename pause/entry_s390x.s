//go:build freestanding
#include "textflag.h"
#include "version.h"

TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVD R15, R2
	MOVD $248, R6 // exit_group: see sysStart
loop:
	MOVD $main·consts(SB), R7
	CALL main·next<ABIInternal>(SB)
	MOVD R6, R1
	SYSCALL
	JMP loop
TEXT main·consts(SB), NOSPLIT|NOFRAME, $0
	WORD $0
	WORD $0x14002
	WORD $0
	WORD $0
	VERSION

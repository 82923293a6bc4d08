//go:build freestanding

#include "textflag.h"
#include "version.h"

TEXT main·entry(SB), NOSPLIT|NOFRAME, $0
	MOVV R29, R4
	MOVV $5205, R2 // exit_group: see sysStart
	SUBVU $96, R29
	BGEZAL R0, save
	WORD $0x24002
	WORD $0
	WORD $0
	WORD $0
	VERSION
save:
	MOVV R31, 48(R29)
	BGEZAL R0, next
	MOVV 56(R29), R4
	MOVV 64(R29), R5
	MOVV 72(R29), R6
	MOVV 80(R29), R7
	MOVV 88(R29), R2
	SYSCALL
	BEQ R7, ok
	SUBVU R2, R0, R2
ok:
	MOVV R2, R4
	MOVV 88(R29), R2
next:
	MOVV R4, 8(R29)
	MOVV R2, 40(R29)

// Nothing refers to main·next by name, since entry runs into it; the linker keeps what this root names.
DATA runtime·unreachableMethod(SB)/8, $main·next(SB)
GLOBL runtime·unreachableMethod(SB), RODATA|NOPTR, $8

#include "textflag.h"

// func prefetch(addresses []uintptr)
TEXT ·prefetch(SB), NOSPLIT, $0-24
	MOVD addresses_base+0(FP), R0
	MOVD addresses_len+8(FP), R1
	JMP  check

next:
	MOVD.P 8(R0), R2
	PRFM   (R2), PLDL1KEEP
	SUB    $1, R1, R1

check:
	CMP $0, R1
	BGT next
	RET

// func prefetchHashed(keys []entry, array unsafe.Pointer, shift, scale uint)
TEXT ·prefetchHashed(SB), NOSPLIT, $0-48
	MOVD keys_base+0(FP), R0
	MOVD keys_len+8(FP), R1
	MOVD array+24(FP), R3
	MOVD shift+32(FP), R4
	MOVD scale+40(FP), R5
	JMP  check

next:
	MOVD.P 32(R0), R2 // the hash
	LSR    R4, R2, R2
	LSL    R5, R2, R2
	ADD    R3, R2, R2
	PRFM   (R2), PLDL1KEEP
	SUB    $1, R1, R1

check:
	CMP $0, R1
	BGT next
	RET

#include "textflag.h"

// func prefetch(addresses []uintptr)
TEXT ·prefetch(SB), NOSPLIT, $0-24
	MOVQ addresses_base+0(FP), SI
	MOVQ addresses_len+8(FP), DX
	JMP  check

next:
	MOVQ       (SI), AX
	PREFETCHT0 (AX)
	ADDQ       $8, SI
	DECQ       DX

check:
	TESTQ DX, DX
	JGT   next
	RET

// func prefetchHashed(keys []entry, array unsafe.Pointer, shift, scale uint)
TEXT ·prefetchHashed(SB), NOSPLIT, $0-48
	MOVQ keys_base+0(FP), SI
	MOVQ keys_len+8(FP), DX
	MOVQ array+24(FP), DI
	MOVQ shift+32(FP), R8
	MOVQ scale+40(FP), R9
	JMP  check

next:
	MOVQ       (SI), AX // the hash
	MOVQ       R8, CX
	SHRQ       CX, AX
	MOVQ       R9, CX
	SHLQ       CX, AX
	PREFETCHT0 (DI)(AX*1)
	ADDQ       $32, SI
	DECQ       DX

check:
	TESTQ DX, DX
	JGT   next
	RET

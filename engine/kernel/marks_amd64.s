#include "textflag.h"

// func marksAt(p unsafe.Pointer) (spaces, others uint64)
TEXT ·marksAt(SB), NOSPLIT, $0-24
	MOVQ       p+0(FP), SI
	MOVQ       $0x2020202020202020, AX
	MOVQ       AX, X0
	PUNPCKLQDQ X0, X0
	XORQ       R8, R8
	XORQ       R9, R9
	MOVQ       $48, CX

next:
	MOVOU    (SI)(CX*1), X1
	MOVO     X0, X2
	PCMPGTB  X1, X2         // signed: bytes of 128 and more are below the space, too
	PCMPEQB  X0, X1
	PMOVMSKB X1, AX
	PMOVMSKB X2, BX
	SHLQ     $16, R8
	SHLQ     $16, R9
	ORQ      AX, R8
	ORQ      BX, R9
	SUBQ     $16, CX
	JGE      next
	MOVQ     R8, spaces+8(FP)
	MOVQ     R9, others+16(FP)
	RET

#include "go_asm.h"
#include "textflag.h"

// func loadShort(keys []entry, texts []string) (n int)
TEXT ·loadShort(SB), NOSPLIT, $0-56
	MOVQ keys_base+0(FP), DI
	MOVQ texts_base+24(FP), SI
	MOVQ texts_len+32(FP), R8
	LEAQ ·headMasks(SB), R9
	MOVQ $const_seedA, R10
	MOVQ $const_seedB, R11
	MOVQ $const_seedN, R12
	XORQ BX, BX
	JMP  check

next:
	MOVQ   0(SI), R13
	MOVQ   8(SI), CX
	LEAQ   -1(CX), AX
	CMPQ   AX, $(const_inline-1)
	JHI    done
	MOVQ   R13, AX
	ANDQ   $(const_memoryPage-1), AX
	CMPQ   AX, $(const_memoryPage-const_inline)
	JHI    done
	MOVQ   CX, AX
	SHLQ   $4, AX
	MOVOU  (R13), X0
	MOVOU  (R9)(AX*1), X1
	PAND   X1, X0
	MOVOU  X0, entry_a(DI)
	MOVQ   X0, AX
	PSRLDQ $8, X0
	MOVQ   X0, R13
	ADDQ   CX, CX                // the size of a string
	MOVQ   CX, entry_size(DI)
	IMULQ  R12, CX
	XORQ   R11, CX
	XORQ   R13, CX
	XORQ   R10, AX
	MULQ   CX
	XORQ   DX, AX
	MOVQ   AX, entry_hash(DI)
	ADDQ   $entry__size, DI
	ADDQ   $16, SI
	INCQ   BX

check:
	CMPQ BX, R8
	JLT  next

done:
	MOVQ BX, n+48(FP)
	RET

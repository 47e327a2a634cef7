/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs inside a traced process: executes the list of system calls at %rbx (list.h) and stops with a
 * breakpoint. It uses no stack, no data of its own and no address of its own, so it works wherever
 * it is copied, in a process that has nothing else mapped. The tracer saves and restores all
 * registers, so none is preserved here.
 */
#include "migrate/blob/list.h"

	.section .rodata
	.balign 64
	.globl blob_code
	.hidden blob_code
	.globl blob_code_end
	.hidden blob_code_end
	.globl blob_syscall
	.hidden blob_syscall
blob_code:
	mov	LIST_COUNT(%rbx), %r12
	lea	LIST_HEAD(%rbx), %r13
1:
	test	%r12, %r12
	jz	9f
	mov	CALL_NUMBER(%r13), %rax
	mov	CALL_ARG(0)(%r13), %rdi
	mov	CALL_ARG(1)(%r13), %rsi
	mov	CALL_ARG(2)(%r13), %rdx
	mov	CALL_ARG(3)(%r13), %r10
	mov	CALL_ARG(4)(%r13), %r8
	mov	CALL_ARG(5)(%r13), %r9
blob_syscall:
	syscall
	mov	%rax, CALL_RESULT(%r13)
	mov	CALL_MODE(%r13), %rcx
	cmp	$CALL_OK, %rcx
	jb	5f
	ja	3f
	cmp	$-4095, %rax
	jae	9f
	jmp	5f
3:
	cmp	CALL_EXPECT(%r13), %rax
	jne	9f
5:
	incq	LIST_DONE(%rbx)
	add	$CALL_BYTES, %r13
	dec	%r12
	jmp	1b
9:
	int3
	jmp	9b
blob_code_end:

	.section .note.GNU-stack, "", @progbits

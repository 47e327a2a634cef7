/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_REFUSAL_H
#define DVS_BASE_REFUSAL_H

#include <stdarg.h>

#include "base/result.h"

/*
 * Why something was refused: an error number for programs and one sentence for people, which says
 * what was refused, why, and what would help. The code that refuses fills it in; the program that a person has
 * asked shows it. It owns nothing and may be copied.
 */
struct refusal {
	int error;	  /* negative EDVS number, never an errno; 0 when nothing was refused */
	char reason[240]; /* one sentence without a newline; empty when error is 0 */
};

#define REFUSAL_NONE ((struct refusal){ 0 })

/*
 * Fills *r, cutting a sentence that is too long, and returns the number, so that a check may end with
 * `return refusal_set(r, EDVSINVAL, ...)`. name: the literal name of an error number; anything else does not
 * compile. The first refusal wins: one that is already set is left alone, because it is nearest to the
 * cause. r may be NULL.
 */
#define refusal_set(r, name, ...) refusal_set_number(r, RESULT_##name, __VA_ARGS__)

/*
 * The same with a number that was chosen before or came from a peer: one that is no EDVS number becomes
 * EDVSGENERIC.
 */
int refusal_set_number(struct refusal *r, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

int refusal_set_va(struct refusal *r, int error, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* The same for an error of the system, positive or negative: see result_of_errno(). */
int refusal_set_errno(struct refusal *r, int number, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Forgets what was refused. */
void refusal_clear(struct refusal *r);

#endif

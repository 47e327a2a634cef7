/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_REFUSAL_H
#define DVS_BASE_REFUSAL_H

/*
 * Why something was refused: an error number for programs and one sentence for people, which says
 * what was refused, why, and what would help. Whoever refuses fills it in; whoever is asked by a
 * person shows it. It owns nothing and may be copied.
 */
struct refusal {
	int error;	  /* negative EDVS or errno number; 0 when nothing was refused */
	char reason[240]; /* one sentence without a newline; empty when error is 0 */
};

#define REFUSAL_NONE ((struct refusal){ 0 })

/*
 * Fills *r, cutting a sentence that is too long, and returns error, so that a check may end with
 * `return refusal_set(r, ...)`. The first refusal wins: one that is already set is left alone,
 * because it is nearest to the cause. r may be NULL.
 */
int refusal_set(struct refusal *r, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Forgets what was refused. */
void refusal_clear(struct refusal *r);

#endif

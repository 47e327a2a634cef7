/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A client's account of its calls. It numbers them 1, 2, 3 ... and makes one at a time; the server
 * says with each answer which call it answers, which call of this client it handled before that,
 * and how many it has handled. From these the tally derives what became of calls and answers:
 *
 *	lost		a call was answered, and the server knows nothing of it
 *	duplicated	a call was handled twice, or answered twice
 *	reordered	an answer or a call came out of its order
 *	corrupted	bytes or memory were not what they had to be
 *	failed		the call returned an error; the server may have handled it or not
 */

#include <stdbool.h>
#include <stdint.h>

struct tally {
	uint64_t calls;
	uint64_t failed;
	uint64_t lost;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t corrupted;
	uint64_t total_ns; /* of the calls that were answered */
	uint64_t max_ns;   /* of all calls */

	int answered;	  /* the last call that was answered, 0: none */
	int failed_since; /* calls that failed after it */
	int count;	  /* the calls that the server had handled by then */
};

#define TALLY_INIT \
	{          \
		0  \
	}

/* The part of an answer that the server fills. */
struct tally_answer {
	int seq;
	int seq_before;
	int count;
};

/* Call seq failed, after ns nanoseconds. */
void tally_failed(struct tally *tally, uint64_t ns);

/* Call seq was answered, after ns nanoseconds. whole: all bytes were as they had to be. */
void tally_answered(struct tally *tally, int seq, const struct tally_answer *answer, bool whole,
		    uint64_t ns);

/* Whether every call was answered, once, in order, with the right bytes. */
bool tally_is_clean(const struct tally *tally);

/* Prints the line that ends a client's output. */
void tally_print(const struct tally *tally);

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_CLOCK_H
#define DVS_CORE_CLOCK_H

/*
 * How far the clock of another node (CLOCK_REALTIME) is ahead of ours, as far as a question and its answer tell it. The
 * answer was given at some moment between the two, so half of the round trip is the bound of the error:
 *
 *	we      ask ........ hear          difference = theirs - (asked + heard) / 2
 *	they         answer                error      = (heard - asked) / 2
 *
 * Of several measurements the most exact one is kept. It becomes less exact with time, because clocks drift; one that
 * contradicts it says that a clock was set, and takes its place.
 */

#include <stdbool.h>
#include <stdint.h>

/* Of two clocks together: crystals are within 100 ppm, and a time daemon slews by up to 500 more. */
#define CLOCK_DRIFT_PPM 600

struct clock_difference {
	bool known;
	int64_t ahead_ns; /* theirs minus ours */
	int64_t error_ns; /* at most so far off, when it was measured */
	int64_t at_ns;	  /* of the monotonic clock */
};

/* asked_ns, heard_ns: of the monotonic clock; own_ns: our wall clock at heard_ns; theirs_ns: their answer. */
void clock_on_answer(struct clock_difference *clock, int64_t asked_ns, int64_t heard_ns,
		     int64_t own_ns, int64_t theirs_ns);
/* The bound of the error by now. */
int64_t clock_error_ns(const struct clock_difference *clock, int64_t now_ns);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_CLOCKS_H
#define DVS_MIGRATE_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/refusal.h"
#include "wire/image.h"

/*
 * CLOCK_MONOTONIC and CLOCK_BOOTTIME count from the start of a machine, and programs keep moments of
 * them. The process gets a time namespace on the target, so that its clocks go on where they were. They differ from
 * the target's by the difference between the two machines; on one machine, by the offset that the process had.
 */
struct restore;

/* Two clocks, or how far those of a namespace are ahead of the machine's, as a file of /proc tells. */
struct clocks {
	int64_t monotonic_ns, boottime_ns;
};

#define CLOCKS_TEXT_BYTES 128

/* The text of timens_offsets. False, and no offsets: it has none. */
bool clocks_parse(const char *text, struct clocks *clocks);
void clocks_print(const struct clocks *clocks, char text[CLOCKS_TEXT_BYTES]);

/* The offsets of the process on a machine with these clocks; NULL: on the one that it comes from. */
struct clocks clocks_wanted(const struct image_machine *image, const struct clocks *machine);

/* Source: the clocks that the process with /proc directory `dir` sees now. */
void clocks_describe(int dir, struct image_machine *image);

/* How far a clock (CLOCK_*) of the process with /proc directory `dir` is ahead of this program's. */
int64_t clocks_ahead(int dir, int clock);

/* Target, the shell entered: gives the shell the clocks of the image. */
int clocks_restore(struct restore *restore, const struct image_machine *image, bool same_machine,
		   struct refusal *refusal);

#endif

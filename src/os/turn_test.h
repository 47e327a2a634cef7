/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_TURN_TEST_H
#define DVS_OS_TURN_TEST_H

/* For tests: a loop runs for a moment, in which each descriptor that is ready is served. */

#include "base/test.h"
#include "os/loop.h"

static void turn_stop(void *ctx)
{
	os_loop_stop(ctx);
}

static void turn_of(struct os_loop *loop)
{
	struct os_source *timer;

	CHECK_EQ(os_source_timer(loop, 1000, turn_stop, loop, &timer), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	os_source_free(timer);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FUTEX_WAIT_BITSET instead of FUTEX_WAIT because it takes an absolute time: a wait that is repeated
 * after a spurious end does not grow.
 */
#include "os/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/lock.h"

int os_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
	struct timespec until = os_timespec(deadline_ns < 0 ? 0 : deadline_ns);

	os_lock_wait_begins("os_futex_wait()");
	if (!syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, deadline_ns < 0 ? NULL : &until,
		     NULL, FUTEX_BITSET_MATCH_ANY))
		return 0;
	return errno == EAGAIN ? 0 : -errno;
}

int os_futex_wake(_Atomic uint32_t *word, int count)
{
	long woken = syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);

	return woken < 0 ? -errno : (int)woken;
}

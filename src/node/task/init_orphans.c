/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/init_orphans.h"

#include <stdint.h>

#include "base/bits.h"
#include "os/session.h"

#define VPIDS 65536

static uint64_t leaders[BITS_WORDS(VPIDS)];
static int count;

void init_orphans_leader(int vpid)
{
	if (vpid <= 0 || vpid >= VPIDS || bits_test(leaders, (unsigned)vpid))
		return;
	bits_set(leaders, (unsigned)vpid);
	count++;
}

void init_orphans_end(int vpid)
{
	if (vpid <= 0 || vpid >= VPIDS || !bits_test(leaders, (unsigned)vpid))
		return;
	bits_clear(leaders, (unsigned)vpid);
	count--;
	if (count)
		os_session_end(vpid);
	else
		os_session_end_all();
}

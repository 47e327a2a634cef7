/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/inits.h"

#include "base/bits.h"
#include "base/test.h"
#include "node/state/order.h"
#include "node/task/init.h"
#include "node/task/task.h"

#define DC 1

static struct order order;
static struct tasks tasks = { .order = &order };
static uint64_t taken[(DC_VPID_COUNT + 63) / 64 + 1];

static void bind_slot(int dcid, int p_nr, int vpid)
{
	order.directory.dc[dcid].slot[shm_index(p_nr)] =
		(struct directory_endpoint){ .bound = 1, .vpid = vpid };
}

/* Numbers of this node's range that processes of the DC have, wherever they run now. */
static void test_taken_numbers(void)
{
	int base;
	unsigned count = 0;

	order.self = 2;
	base = dc_vpid_base(order.self);
	bind_slot(DC, 3, base);
	bind_slot(DC, 4, base + DC_VPID_COUNT - 1);
	bind_slot(DC, 5, base - 1);		/* of the node before */
	bind_slot(DC, 6, base + DC_VPID_COUNT); /* and behind */
	bind_slot(DC + 1, 3, base + 7);
	bind_slot(DC, 7, base + 8);
	order.directory.dc[DC].slot[shm_index(7)].bound = 0;
	inits_taken_vpids(&tasks, DC, taken);
	for (unsigned i = 0; i < DC_VPID_COUNT + 64; i++)
		count += taken[i / 64] >> i % 64 & 1;
	CHECK_EQ(count, 2);
	CHECK(taken[0] & 1);
	CHECK(taken[(DC_VPID_COUNT - 1) / 64] >> (DC_VPID_COUNT - 1) % 64 & 1);
}

int main(void)
{
	TEST(test_taken_numbers);
	return test_end();
}

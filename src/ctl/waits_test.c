/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/waits.h"

#include "base/test.h"
#include "dvk.h"

static struct ctl_proc_row row(int endpoint, unsigned long rts, unsigned long misc, int getfrom,
			       int sendto)
{
	struct ctl_proc_row row = { .proc = { .p_nr = endpoint,
					      .p_endpoint = endpoint,
					      .p_rts_flags = rts,
					      .p_misc_flags = misc,
					      .p_getfrom = getfrom,
					      .p_sendto = sendto } };

	return row;
}

static void test_how(void)
{
	struct ctl_proc_row at = row(1, SENDING, 0, NONE, 2);

	CHECK(waits_how(&at.proc) && waits_for(&at.proc) == 2);
	at = row(1, RECEIVING, 0, ANY, NONE);
	CHECK(waits_how(&at.proc) && waits_for(&at.proc) == ANY);
	at = row(1, RECEIVING, MIS_ATOMIC, 3, NONE);
	CHECK(waits_how(&at.proc) && waits_for(&at.proc) == 3);
	at = row(1, 0, MIS_ATOMIC, NONE, NONE);
	CHECK(!waits_how(&at.proc));
	at = row(1, REMOTE | SENDING, 0, NONE, 2);
	CHECK(!waits_how(&at.proc));
}

static void test_ring(void)
{
	struct ctl_proc_row rows[] = {
		row(10, SENDING, 0, NONE, 11),
		row(11, RECEIVING, MIS_ATOMIC, 12, NONE),
		row(12, SENDING | RECEIVING, MIS_ATOMIC, 10, 10),
		row(13, SENDING, 0, NONE, 10),
		row(14, RECEIVING, 0, ANY, NONE),
	};
	size_t members[5];

	for (size_t i = 0; i < 3; i++) {
		CHECK_EQ(waits_ring(rows, 5, i, members), 3);
		CHECK_EQ(members[0], i);
		CHECK_EQ(members[1], (i + 1) % 3);
	}
	CHECK_EQ(waits_ring(rows, 5, 3, members), 0);
	CHECK_EQ(waits_ring(rows, 5, 4, members), 0);
	rows[2].proc.p_dcid = 1; /* the same numbers in another container are others */
	CHECK_EQ(waits_ring(rows, 5, 0, members), 0);
}

int main(void)
{
	TEST(test_how);
	TEST(test_ring);
	return test_end();
}

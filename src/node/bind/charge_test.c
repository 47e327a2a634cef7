/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/charge.h"

#include <sys/resource.h>

#include "node/bind/bind_rig_test.h"
#include "os/descriptors.h"

#define SECOND (RIG_DC + 1)

static bool may(bool (*charge)(struct request *request))
{
	struct request *request = rig_ask(CTL_RUN, 3);

	if (!charge(request)) {
		CHECK_EQ(rig.answer.error, EDVSUSERFULL);
		return false;
	}
	request_end(request, 0, NULL, 0, NULL, 0);
	return true;
}

static bool channel_of_rig(struct request *request)
{
	return charge_channel(request, RIG_DC);
}

static void own(int dcid, uint32_t uid)
{
	struct directory_dc *dc = &rig.order.directory.dc[dcid];

	dc->running = 1;
	dc->owner = (struct right_owner){ .uid = uid, .mode = RIGHT_MODE_DEFAULT };
}

/* No processes: only what is counted. */
static struct task made[CHARGE_PROCESSES_MAX + 8];
static unsigned made_count;

static struct task *add_tasks(unsigned count, int dcid)
{
	struct task *task = NULL;

	while (count--) {
		task = &made[made_count++];
		*task = (struct task){ .next = rig.tasks.all, .managed = true, .dcid = dcid };
		rig.tasks.all = task;
	}
	return task;
}

/* All DCs of an owner together; those of others, and tasks that nobody has started, do not count. */
static void test_processes(void)
{
	rig_begin();
	own(SECOND, RIG_OWNER);
	own(SECOND + 1, RIG_OWNER + 1);
	add_tasks(CHARGE_PROCESSES_MAX / 2, RIG_DC);
	add_tasks(CHARGE_PROCESSES_MAX - CHARGE_PROCESSES_MAX / 2 - 1, SECOND);
	add_tasks(1, SECOND + 1);
	add_tasks(1, RIG_DC)->managed = false;
	CHECK(may(charge_process));
	add_tasks(1, RIG_DC);
	CHECK(!may(charge_process));
	CHECK(strstr(rig.answer.sentence, "512 processes"));
	own(RIG_DC, 0);
	CHECK(may(charge_process));
	rig.tasks.all = NULL;
	rig_end();
}

static void test_channels(void)
{
	struct exchange_channel *channel;
	uint64_t most = os_descriptors_part();

	rig_begin();
	if (most > 64) { /* more than this test can make */
		CHECK(may(channel_of_rig));
		rig_end();
		return;
	}
	own(RIG_DC, RIG_OWNER);
	for (uint64_t i = 0; i < most; i++) {
		CHECK(may(channel_of_rig));
		CHECK_EQ(exchange_channel(rig.bindings.exchange, RIG_DC, (int)(i / 10),
					  10 + (int)(i % 10), &channel),
			 0);
		CHECK_EQ(exchange_channels(rig.bindings.exchange, RIG_DC), i + 1);
	}
	CHECK(!may(channel_of_rig));
	own(SECOND, RIG_OWNER);
	own(RIG_DC, 0);
	CHECK(may(channel_of_rig));
	own(RIG_DC, RIG_OWNER);
	exchange_channel_drop(rig.bindings.exchange, channel);
	CHECK(may(channel_of_rig));
	rig_end();
}

int main(void)
{
	const struct rlimit few = { 8 * 32, 8 * 32 };

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	TEST(test_processes);
	TEST(test_channels);
	return test_end();
}

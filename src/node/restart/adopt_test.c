/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/adopt.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/request.h"
#include "node/restart/handover.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/memfd.h"
#include "os/socket.h"

static struct order order;
static struct tasks tasks;
static struct requests requests;
static bool with_directory;
static unsigned taken;

static void set_up(void)
{
	order = (struct order){ .self = 3 };
	tasks = (struct tasks){ .order = &order };
	requests = (struct requests){ .order = &order, .tasks = &tasks };
	directory_init(&order.directory);
	with_directory = true;
	taken = 0;
}

static void put(struct handover_writer *writer, void *ctx)
{
	const struct state_node head = {
		.nodeid = 3, .control_fd = 40, .path_fd = -1, .link_fd = 41, .cgroup_fd = -1
	};

	(void)ctx;
	handover_put_head(writer, &head);
	if (with_directory)
		handover_put_directory(writer, &order);
}

/* A state of ours, with one byte changed (-1: none). */
static int state_fd(long damaged)
{
	struct handover_file file;
	void *map;
	int fd;

	CHECK_EQ(handover_write(put, NULL, &file), 0);
	fd = os_dup(file.fd);
	if (damaged >= 0 && os_memfd_map(fd, file.bytes, 0, &map) == 0) {
		((uint8_t *)map)[damaged] ^= 1;
		os_memfd_unmap(map, file.bytes);
	}
	handover_file_deinit(&file);
	return fd;
}

static int open_error(int fd)
{
	struct refusal why = REFUSAL_NONE;
	struct adoption adoption;

	if (adoption_open(&adoption, fd, false, &why) == 0)
		CHECK_EQ(why.error, 0);
	adoption_close(&adoption);
	return why.error;
}

static void test_only_a_whole_state(void)
{
	int pair[2];

	set_up();
	CHECK_EQ(open_error(state_fd(-1)), 0);
	CHECK_EQ(open_error(state_fd(HANDOVER_HEAD_BYTES + 8)), EDVSGENERIC);
	CHECK_EQ(os_unix_pair(OS_STREAM, pair), 0);
	CHECK_EQ(open_error(pair[0]), EDVSGENERIC);
	os_close(pair[1]);
}

static void test_a_state_without_the_table(void)
{
	struct refusal why = REFUSAL_NONE;
	struct adoption adoption;

	set_up();
	CHECK_EQ(adoption_open(&adoption, state_fd(-1), false, &why), 0);
	CHECK_EQ(adoption_check(&adoption, &why), 0);
	adoption_close(&adoption);
	with_directory = false;
	CHECK_EQ(adoption_open(&adoption, state_fd(-1), false, &why), 0);
	CHECK_EQ(adoption_check(&adoption, &why), EDVSPROTONOSUPPORT);
	CHECK_EQ(why.error, EDVSPROTONOSUPPORT);
	adoption_close(&adoption);
	CHECK_EQ(adopt_check_main(state_fd(-1), NULL), 1);
	with_directory = true;
	CHECK_EQ(adopt_check_main(state_fd(-1), NULL), 0);
	CHECK_EQ(adopt_check_main(state_fd(-1), "/nonexistent/key"), 1);
}

static int take_one(struct adoption *adoption, void *ctx, const struct state_record *record)
{
	(void)adoption;
	(void)ctx;
	(void)record;
	taken++;
	return -EBADF;
}

static void test_the_first_failure_ends_it(void)
{
	struct refusal why = REFUSAL_NONE;
	struct adoption adoption;

	set_up();
	CHECK_EQ(adoption_open(&adoption, state_fd(-1), false, &why), 0);
	CHECK_EQ(adoption_rest(&adoption, take_one, NULL), -EBADF);
	CHECK_EQ(taken, 1);
	adoption_close(&adoption);
}

/* It names its task by number, and its page by a descriptor that was taken before. */
static void test_a_binding_of_no_task(void)
{
	struct state_binding record = { .task = 1, .status_fd = 99 };
	struct task task = { .tasks = &tasks, .in_state = { .number = 7 } };

	set_up();
	CHECK_EQ(exchange_new(&tasks.rights.exchange, 3), 0);
	tasks.all = &task;
	CHECK_EQ(adoption_take_binding(&tasks, 20, &record), -EBADF);
	record.task = 7;
	CHECK_EQ(adoption_take_binding(&tasks, 20, &record), -EBADF);
	CHECK(!task.bindings);
	tasks.rights.exchange = exchange_free(tasks.rights.exchange);
}

/* The client of the restart is kept aside until all runs. */
static void test_the_asker(void)
{
	const struct ctl_request head = { .magic = CTL_MAGIC, .call = CTL_RESTART };
	const struct state_request record = { .kind = STATE_REQUEST_RESTART,
					      .fd = 55,
					      .head = (const uint8_t *)&head,
					      .head_bytes = sizeof(head) };
	struct adoption adoption = { .fd = -1, .asker_fd = -1 };

	set_up();
	adoption_take_request(&adoption, &requests, &record);
	CHECK_EQ(adoption.asker_fd, 55);
	CHECK(adoption.asker && adoption.asker->call == CTL_RESTART);
	CHECK(!requests.clients);
	adoption_close(&adoption);
}

int main(void)
{
	TEST(test_only_a_whole_state);
	TEST(test_a_state_without_the_table);
	TEST(test_the_first_failure_ends_it);
	TEST(test_a_binding_of_no_task);
	TEST(test_the_asker);
	return test_end();
}

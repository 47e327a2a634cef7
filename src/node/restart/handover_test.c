/* SPDX-License-Identifier: Apache-2.0 */

/* The record for a successor, read by the successor's own side: adopt.c. */

#include "node/restart/handover.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "node/ask/request.h"
#include "node/restart/adopt.h"
#include "node/restart/state.h"
#include "node/state/order.h"
#include "node/task/ended.h"
#include "node/task/task.h"
#include "os/memfd.h"
#include "os/socket.h"

static struct order order;
static struct tasks tasks;
static struct requests requests;
static unsigned kinds[HANDOVER_COUNTERS + 8];
static struct state_request last_request;
static const struct state_node head = {
	.nodeid = 3, .control_fd = 40, .path_fd = -1, .link_fd = 41, .cgroup_fd = -1
};

static void set_up(void)
{
	order = (struct order){ .self = 3 };
	tasks = (struct tasks){ .order = &order };
	requests = (struct requests){ .order = &order, .tasks = &tasks };
}

static struct request request_of(int fd, int call, unsigned flags)
{
	return (struct request){ .requests = &requests,
				 .fd = fd,
				 .from = -1,
				 .to = -1,
				 .head = { .magic = CTL_MAGIC,
					   .call = (uint16_t)call,
					   .flags = (uint16_t)flags,
					   .node = 6 } };
}

static void test_kinds_of_requests(void)
{
	struct request unread = { .requests = &requests, .fd = 5, .to = -1, .from = -1 };
	struct request asker = request_of(6, CTL_RESTART, 0);
	struct request follower = request_of(7, CTL_LOGS, CTL_FLAG_FOLLOW);
	struct request far = request_of(8, CTL_LOGS, CTL_FLAG_FOLLOW);
	struct request other = request_of(9, CTL_SIGNAL, 0);
	struct task task = { .in_state = { .number = 77 } };
	uint64_t number;

	set_up();
	follower.followed = &task;
	CHECK_EQ(handover_kind_of(&unread, &asker, &number), STATE_REQUEST_UNREAD);
	CHECK_EQ(handover_kind_of(&asker, &asker, &number), STATE_REQUEST_RESTART);
	CHECK_EQ(handover_kind_of(&follower, &asker, &number), STATE_REQUEST_FOLLOWER);
	CHECK_EQ(number, 77);
	CHECK_EQ(handover_kind_of(&far, &asker, &number), 0);
	far.to = 6;
	CHECK_EQ(handover_kind_of(&far, &asker, &number), STATE_REQUEST_FORWARDED);
	CHECK_EQ(number, 6);
	far.to = -1;
	far.is_detached = true;
	CHECK_EQ(handover_kind_of(&far, &asker, &number), STATE_REQUEST_FORWARDED);
	CHECK_EQ(handover_kind_of(&other, &asker, &number), 0);
	other.to = 6; /* its effect there may be complete by then */
	CHECK_EQ(handover_kind_of(&other, &asker, &number), 0);
}

static void put_some(struct handover_writer *writer, void *ctx)
{
	static const struct ctl_counters counters = { .since_ns = 17 };

	handover_put_head(writer, &head);
	handover_put_directory(writer, &order);
	handover_put_group(writer, &order);
	handover_put_tasks(writer, &tasks);
	handover_put_counters(writer, &counters);
	handover_put_requests(writer, &requests, ctx);
}

static int count(struct adoption *adoption, void *ctx, const struct state_record *record)
{
	(void)adoption;
	(void)ctx;
	kinds[record->kind]++;
	if (record->kind == HANDOVER_REQUEST)
		last_request = record->request;
	return 0;
}

static bool has(const struct handover_file *file, int fd)
{
	for (unsigned i = 0; i < file->fd_count; i++)
		if (file->fds[i] == fd)
			return true;
	return false;
}

static void test_the_parts_come_through(void)
{
	struct request asker = request_of(61, CTL_RESTART, 0);
	struct request unread = { .requests = &requests, .fd = 62, .to = -1, .from = -1 };
	struct task task = { .lpid = 5, .tgid = 5, .pidfd = 50, .dcid = -1, .tasks = &tasks };
	const struct ctl_ended_row ended = { .dcid = 1, .p_nr = 5 };
	struct refusal why = REFUSAL_NONE;
	struct adoption adoption;
	struct handover_file file;

	set_up();
	memset(kinds, 0, sizeof(kinds));
	directory_init(&order.directory);
	tasks.all = &task;
	tasks.rights.of[1][shm_index(7)].priv_level = 3;
	CHECK_EQ(ended_adopt(&tasks, 9, &ended, NULL, 0), 0);
	asker.next_client = &unread;
	requests.clients = &asker;
	CHECK_EQ(handover_write(put_some, &asker, &file), 0);
	/* Every descriptor that the successor needs stays open, and no other. */
	CHECK(has(&file, 40) && has(&file, 41) && has(&file, 50) && has(&file, 61) &&
	      has(&file, 62));
	CHECK_EQ(file.fd_count, 5);
	CHECK_EQ(adoption_open(&adoption, os_dup(file.fd), false, &why), 0);
	CHECK_EQ(adoption.head.nodeid, 3);
	CHECK_EQ(adoption_check(&adoption, &why), 0);
	CHECK_EQ(adoption_rest(&adoption, count, NULL), 0);
	CHECK_EQ(kinds[HANDOVER_NODE], 1);
	CHECK_EQ(kinds[HANDOVER_DIRECTORY], 1);
	CHECK_EQ(kinds[HANDOVER_GROUP], 0); /* it is lost, and the node goes on as it does */
	CHECK_EQ(kinds[HANDOVER_TASK], 1);
	CHECK_EQ(kinds[HANDOVER_ENDED], 1);
	CHECK_EQ(kinds[HANDOVER_RIGHTS], 1);
	CHECK_EQ(kinds[HANDOVER_COUNTERS], 1);
	CHECK_EQ(kinds[HANDOVER_REQUEST], 2);
	CHECK_EQ(last_request.kind, STATE_REQUEST_UNREAD);
	CHECK_EQ(last_request.head_bytes, 0);
	adoption_close(&adoption);
	handover_file_deinit(&file);
	ended_forget_dc(&tasks, 1);
}

/* Into room that may be too small, or of which the rest stays as it was. */
static void test_into_room(void)
{
	struct request asker = request_of(61, CTL_RESTART, 0);
	struct refusal why = REFUSAL_NONE;
	struct handover_alone alone = { 0 };
	struct adoption adoption;
	ssize_t bytes;
	void *map;
	int fd;

	set_up();
	directory_init(&order.directory);
	requests.clients = &asker;
	fd = os_memfd_new("room", 65536);
	CHECK_EQ(os_memfd_map(fd, 65536, 0, &map), 0);
	bytes = handover_write_into(put_some, &asker, map, 64, &alone);
	CHECK(bytes > 64);
	for (size_t more = 0; more <= 5000; more += 5000) {
		memset(map, 0xa5, 65536);
		alone = (struct handover_alone){ 0 };
		CHECK_EQ(handover_write_into(put_some, &asker, map, (size_t)bytes + more, &alone),
			 bytes);
		CHECK_EQ(adoption_open(&adoption, os_dup(fd), false, &why), 0);
		CHECK_EQ(adoption_check(&adoption, &why), 0);
		adoption_close(&adoption);
	}
	os_memfd_unmap(map, 65536);
	os_close(fd);
}

/* The state changed between the two walks over it. */
static void put_more_each_time(struct handover_writer *writer, void *ctx)
{
	const struct ctl_counters counters = { .since_ns = 17 };
	int *walks = ctx;

	handover_put_head(writer, &head);
	for (int i = 0; i < *walks; i++)
		handover_put_counters(writer, &counters);
	--*walks;
}

static void test_no_quiet_point(void)
{
	struct handover_file file;
	int walks = 3;

	set_up();
	CHECK_EQ(handover_write(put_more_each_time, &walks, &file), -EAGAIN);
	CHECK_EQ(file.fd, -1);
	CHECK(!file.fds);
}

int main(void)
{
	TEST(test_kinds_of_requests);
	TEST(test_the_parts_come_through);
	TEST(test_into_room);
	TEST(test_no_quiet_point);
	return test_end();
}

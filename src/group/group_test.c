// SPDX-License-Identifier: Apache-2.0
/*
 * What every engine has to pass, run against the local one: a sequencer in a child process, members
 * in this one, each a state machine that is nothing but a hash of all it was told.
 */
#include "group/group.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/test.h"
#include "group/sequencer.h"
#include "group/stream.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/socket.h"

#define WAIT_MS 3000

struct member {
	struct group *group;
	int node;
	uint64_t order, hash;
	int restores, deliveries, quorum_calls, snapshots;
	bool quorum, joined;
	uint64_t joins, leaves; /* node bits, of all events seen */
	uint64_t last_request;
	int lost;      /* first error of group_dispatch() */
	int pad_bytes; /* makes the snapshot larger than the first buffer */
};

static char dir[] = "/tmp/dvs-group-XXXXXX", path[80], spec[96];
static pid_t server;

static void on_restore(void *ctx, uint64_t order, const uint8_t *state, size_t len)
{
	struct member *m = ctx;

	CHECK(m->quorum);
	CHECK_EQ(m->deliveries, 0);
	CHECK(len >= sizeof(m->hash));
	m->restores++;
	m->order = order;
	memcpy(&m->hash, state, sizeof(m->hash));
}

static void on_deliver(void *ctx, uint64_t order, const struct command *cmd)
{
	struct member *m = ctx;

	CHECK(m->quorum);
	CHECK_EQ(order, m->order + 1);
	m->order = order;
	m->deliveries++;
	m->hash = hash_bytes(hash_word(m->hash, order), cmd, sizeof(*cmd));
	if (cmd->kind == COMMAND_NODE_JOIN) {
		m->joins |= 1ull << cmd->node;
		m->joined |= cmd->node == m->node;
	} else if (cmd->kind == COMMAND_NODE_LEAVE) {
		m->leaves |= 1ull << cmd->node;
	} else if (cmd->origin == m->node) {
		CHECK_EQ(cmd->request, m->last_request + 1); /* own ones arrive in the order sent */
		m->last_request = cmd->request;
	}
}

static size_t on_snapshot(void *ctx, uint8_t *buf, size_t size)
{
	struct member *m = ctx;

	if (size < sizeof(m->hash) + (size_t)m->pad_bytes)
		return 0;
	m->snapshots++;
	memset(buf, 0, size);
	memcpy(buf, &m->hash, sizeof(m->hash));
	return sizeof(m->hash) + (size_t)m->pad_bytes;
}

static void on_quorum(void *ctx, bool have)
{
	struct member *m = ctx;

	CHECK(m->quorum != have || m->lost);
	m->quorum = have;
	m->quorum_calls++;
}

static int member_new(struct member *m, int node)
{
	struct group_callbacks call = { on_restore, on_deliver, on_snapshot, on_quorum, m };

	*m = (struct member){ .node = node };
	return group_new(&m->group, spec, node, 0x0a000001u + (uint32_t)node, "node", &call);
}

/* Dispatches what is there for `count` members, waiting up to timeout_ms for something. */
static void pump(struct member *members, int count, int timeout_ms)
{
	struct pollfd fds[8];

	for (int i = 0; i < count; i++)
		fds[i] = (struct pollfd){ .events = POLLIN,
					  .fd = members[i].group && !members[i].lost
							? group_fd(members[i].group)
							: -1 };
	if (poll(fds, (nfds_t)count, timeout_ms) <= 0)
		return;
	for (int i = 0; i < count; i++) {
		if (fds[i].fd >= 0 && fds[i].revents) {
			int r = group_dispatch(members[i].group);

			if (r < 0)
				members[i].lost = r;
		}
	}
}

#define PUMP_UNTIL(members, count, cond)                  \
	do {                                              \
		int64_t until_ = os_deadline_ns(WAIT_MS); \
		while (!(cond) && os_now_ns() < until_)   \
			pump((members), (count), 10);     \
		CHECK(cond);                              \
	} while (0)

static int send_one(struct member *m, uint64_t request)
{
	struct command cmd = { .kind = COMMAND_UNBIND, .request = request, .dcid = 3 };

	return group_send(m->group, &cmd);
}

static void server_run(int ready)
{
	struct os_loop *loop = NULL;
	struct sequencer *seq = NULL;

	if (os_loop_new(&loop, NULL) || sequencer_new(&seq, loop, path) ||
	    write(ready, "1", 1) != 1)
		_exit(1);
	close(ready);
	_exit(os_loop_run(loop) ? 1 : 0);
}

static void server_start(void)
{
	int fds[2];
	char c;

	if (pipe(fds) < 0)
		exit(1);
	server = fork();
	if (!server) {
		close(fds[0]);
		server_run(fds[1]);
	}
	close(fds[1]);
	CHECK_EQ(os_read_full(fds[0], &c, 1, WAIT_MS), 0);
	close(fds[0]);
}

static void server_stop(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	server = 0;
}

/* Starts a sequencer and `count` joined members. */
static void setup(struct member *m, int count)
{
	memset(m, 0, sizeof(*m) * (size_t)count);
	server_start();
	for (int i = 0; i < count; i++) {
		CHECK_EQ(member_new(&m[i], i), 0);
		PUMP_UNTIL(m, i + 1, m[i].joined && m[0].joins == (2ull << i) - 1);
	}
}

static void teardown(struct member *m, int count)
{
	for (int i = 0; i < count; i++)
		m[i].group = group_free(m[i].group);
	if (server)
		server_stop();
}

static bool same(const struct member *a, const struct member *b)
{
	return a->order == b->order && a->hash == b->hash;
}

static void test_nobody_there(void)
{
	struct member m;

	CHECK_EQ(member_new(&m, 0), -ENOENT);
	server_start();
	server_stop();
	CHECK_EQ(member_new(&m, 0), -ECONNREFUSED);
}

static void test_bad_arguments(void)
{
	struct group_callbacks call = { on_restore, on_deliver, on_snapshot, on_quorum, NULL };
	struct group *group = NULL;

	CHECK_EQ(group_new(&group, "paper", 0, 0, "n", &call), -EINVAL);
	CHECK_EQ(group_new(&group, "local:", 0, 0, "n", &call), -EINVAL);
	CHECK_EQ(group_new(&group, spec, -1, 0, "n", &call), -EINVAL);
	CHECK_EQ(group_new(&group, spec, NR_NODES, 0, "n", &call), -EINVAL);
	CHECK(group == NULL);
	CHECK(group_free(NULL) == NULL);
}

static void test_first_member_starts_empty(void)
{
	struct member m[1];

	server_start();
	CHECK_EQ(member_new(&m[0], 5), 0);
	CHECK(!m[0].quorum);
	CHECK_EQ(send_one(&m[0], 1), -EAGAIN); /* not a member yet */
	PUMP_UNTIL(m, 1, m[0].joined);
	CHECK_EQ(m[0].restores, 0);
	CHECK_EQ(m[0].order, 1);
	CHECK_EQ(m[0].quorum_calls, 1);
	CHECK_EQ(send_one(&m[0], 1), 0);
	PUMP_UNTIL(m, 1, m[0].order == 2);
	teardown(m, 1);
}

static void test_all_see_one_order(void)
{
	struct member m[3];
	uint64_t first;

	setup(m, 3);
	first = m[0].order;
	for (uint64_t i = 1; i <= 200; i++) {
		for (int k = 0; k < 3; k++)
			CHECK_EQ(send_one(&m[k], i), 0);
		if (i % 3 == 0)
			pump(m, 3, 0);
	}
	PUMP_UNTIL(m, 3,
		   m[0].order == first + 600 && m[1].order == first + 600 &&
			   m[2].order == first + 600);
	CHECK(same(&m[0], &m[1]));
	CHECK(same(&m[0], &m[2]));
	for (int k = 0; k < 3; k++)
		CHECK_EQ(m[k].last_request, 200);
	CHECK_EQ(m[2].restores, 1);
	teardown(m, 3);
}

static void test_join_in_a_stream(void)
{
	struct member m[3];
	uint64_t request = 0;

	setup(m, 2);
	m[0].pad_bytes = m[1].pad_bytes =
		300000; /* more than one read, and than the socket holds */
	m[2] = (struct member){ 0 };
	for (; request < 300; request++) {
		CHECK_EQ(send_one(&m[0], request + 1), 0);
		if (request == 100)
			CHECK_EQ(member_new(&m[2], 7), 0);
		pump(m, 3, 0);
	}
	PUMP_UNTIL(m, 3,
		   m[2].joined && m[0].last_request == request && same(&m[0], &m[1]) &&
			   same(&m[0], &m[2]));
	CHECK_EQ(m[2].restores, 1);
	CHECK_EQ(m[0].snapshots + m[1].snapshots, 2); /* for m[1] in setup, and for m[2] */
	teardown(m, 3);
}

static void test_second_of_a_node_is_refused(void)
{
	struct member m[2], again;

	setup(m, 2);
	CHECK_EQ(member_new(&again, 1), -EEXIST);
	CHECK_EQ(send_one(&m[1], 1), 0);
	PUMP_UNTIL(m, 2, m[0].order == 3 && m[1].order == 3);
	/* One that goes and comes at once is let in: its leaving is ordered first. */
	m[1].group = group_free(m[1].group);
	CHECK_EQ(member_new(&m[1], 1), 0);
	PUMP_UNTIL(m, 2, m[1].joined && same(&m[0], &m[1]));
	CHECK_EQ(m[0].leaves, 1ull << 1);
	CHECK_EQ(m[0].order, 5);
	teardown(m, 2);
}

/* A member in a process of its own. */
static pid_t member_process(int node)
{
	struct member m;
	pid_t pid = fork();

	if (pid)
		return pid;
	alarm(30);
	if (member_new(&m, node))
		_exit(1);
	for (;;)
		pump(&m, 1, 1000);
}

static void test_killed_member_leaves_at_once(void)
{
	struct member m[2];
	int64_t start;
	pid_t pid;

	setup(m, 2);
	pid = member_process(9);
	PUMP_UNTIL(m, 2, m[0].joins & m[1].joins & 1ull << 9);
	start = os_now_ns();
	kill(pid, SIGKILL);
	PUMP_UNTIL(m, 2, m[0].leaves & m[1].leaves & 1ull << 9);
	CHECK(os_now_ns() - start < 500 * OS_MS_NS);
	CHECK(same(&m[0], &m[1]));
	waitpid(pid, NULL, 0);
	teardown(m, 2);
}

static void test_provider_dies(void)
{
	struct member m[4];

	setup(m, 3);
	CHECK_EQ(member_new(&m[3], 8), 0);
	/* One of the three has been asked and none answers. Whoever it is: the last one is left. */
	m[0].group = group_free(m[0].group);
	m[1].group = group_free(m[1].group);
	PUMP_UNTIL(m, 4, m[3].joined && same(&m[2], &m[3]));
	CHECK_EQ(m[3].restores, 1);
	CHECK_EQ(m[2].leaves, 3);
	teardown(m, 4);
}

static void test_joiner_dies(void)
{
	struct member m[2];

	setup(m, 1);
	CHECK_EQ(member_new(&m[1], 1), 0);
	m[1].group = group_free(m[1].group); /* while its state is being asked for */
	CHECK_EQ(send_one(&m[0], 1), 0);
	PUMP_UNTIL(m, 1, m[0].last_request == 1);
	CHECK_EQ(m[0].order, 2); /* neither its coming nor its going was ordered */
	CHECK_EQ(member_new(&m[1], 1), 0);
	PUMP_UNTIL(m, 2, m[1].joined && same(&m[0], &m[1]));
	teardown(m, 2);
}

static void test_last_provider_dies(void)
{
	struct member m[2];

	setup(m, 1);
	CHECK_EQ(send_one(&m[0], 1), 0);
	PUMP_UNTIL(m, 1, m[0].order == 2);
	CHECK_EQ(member_new(&m[1], 1), 0);
	m[0].group = group_free(m[0].group);
	PUMP_UNTIL(m, 2, m[1].joined);
	CHECK_EQ(m[1].restores, 0); /* nobody knows the state any more: a new group */
	CHECK_EQ(m[1].order, 1);
	teardown(m, 2);
}

static void test_silent_provider_is_passed_over(void)
{
	struct member m[3];
	int64_t start = os_now_ns();

	setup(m, 2);
	CHECK_EQ(member_new(&m[2], 2), 0);
	/* Only one of the two members answers; whether it is asked first is the engine's affair. */
	m[0].lost = -EBUSY;
	PUMP_UNTIL(m, 3, m[2].joined && same(&m[1], &m[2]));
	CHECK(os_now_ns() - start < (SEQUENCER_STATE_TIMEOUT_MS + 1000) * OS_MS_NS);
	m[0].lost = 0;
	PUMP_UNTIL(m, 3, same(&m[0], &m[1]));
	teardown(m, 3);
}

static void test_slow_member_is_expelled(void)
{
	const uint64_t count =
		SEQUENCER_OUT_MAX / (GROUP_HEADER_BYTES + GROUP_DELIVER_BYTES) + 5000;
	struct member m[3];
	uint64_t sent = 0;

	setup(m, 3);
	m[2].lost = -EBUSY; /* does not read */
	for (int64_t until = os_deadline_ns(20000); sent < count && os_now_ns() < until;) {
		if (!send_one(&m[0], sent + 1))
			sent++;
		if (sent % 64 == 0 || sent - m[0].last_request > 1000)
			pump(m, 2, 0);
	}
	CHECK_EQ(sent, count);
	PUMP_UNTIL(m, 2, m[0].last_request == count && same(&m[0], &m[1]));
	CHECK_EQ(m[0].leaves, 1ull << 2);
	m[2].lost = 0;
	PUMP_UNTIL(m, 3, m[2].lost < 0);
	CHECK(!m[2].quorum);
	teardown(m, 3);
}

static void test_sequencer_lost(void)
{
	struct member m[2];

	setup(m, 2);
	server_stop();
	PUMP_UNTIL(m, 2, m[0].lost && m[1].lost);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(m[i].lost, -ECONNRESET);
		CHECK(!m[i].quorum);
		CHECK_EQ(m[i].quorum_calls, 2);
		CHECK_EQ(send_one(&m[i], 1), -EAGAIN);
		CHECK_EQ(group_dispatch(m[i].group), -ECONNRESET);
		CHECK_EQ(m[i].quorum_calls, 2);
	}
	teardown(m, 2);
}

/* What is sent on a raw connection, and whether it says HELLO as node 20 before. */
static void check_refused(struct member *m, bool hello, enum group_kind kind, const void *bytes,
			  size_t len)
{
	struct group_hello h = { .node = 20, .name = "raw" };
	uint8_t buf[GROUP_HELLO_BYTES], sink[4096];
	struct group_stream s;
	int r;

	group_stream_init(&s, os_unix_connect(path, OS_STREAM, 1000), 1 << 20);
	CHECK_OR_RETURN(s.fd >= 0);
	CHECK_EQ(os_set_nonblock(s.fd, 1), 0);
	group_hello_encode(buf, &h);
	if (hello) {
		CHECK_EQ(group_stream_put(&s, GROUP_HELLO, buf, sizeof(buf), NULL, 0), 0);
		PUMP_UNTIL(m, 1, m->joins & 1ull << 20);
	}
	if (kind)
		CHECK_EQ(group_stream_put(&s, kind, bytes, len, NULL, 0), 0);
	else
		CHECK_EQ(group_stream_put_raw(&s, bytes, len), 0);
	do
		r = os_read_full(s.fd, sink, 1, WAIT_MS);
	while (!r);
	CHECK_EQ(r, -ECONNRESET);
	group_stream_deinit(&s);
	if (hello)
		PUMP_UNTIL(m, 1, m->leaves & 1ull << 20);
	m->joins = m->leaves = 0;
}

static void test_hostile_connections(void)
{
	struct command cmd = { .version = COMMAND_VERSION, .kind = COMMAND_UNBIND, .origin = 0 };
	uint8_t bytes[COMMAND_BYTES], token[GROUP_STATE_HEAD] = { 9 };
	struct member m[1];

	setup(m, 1);
	command_encode(&cmd, bytes);
	check_refused(m, false, 0, "GET / HTTP/1.1\r\n\r\n", 18);
	check_refused(m, false, GROUP_COMMAND, bytes, sizeof(bytes)); /* without a HELLO */
	check_refused(m, true, GROUP_COMMAND, bytes, sizeof(bytes));  /* in another node's name */
	check_refused(m, false, GROUP_STATE, token, sizeof(token));
	check_refused(m, true, GROUP_ASK, token, GROUP_ASK_BYTES);
	cmd = (struct command){ .version = COMMAND_VERSION,
				.kind = COMMAND_NODE_LEAVE,
				.origin = 20 };
	command_encode(&cmd, bytes);
	check_refused(m, true, GROUP_COMMAND, bytes, sizeof(bytes)); /* throws node 0 out */
	memset(bytes, 0xff, sizeof(bytes));
	check_refused(m, true, GROUP_COMMAND, bytes, sizeof(bytes));
	CHECK_EQ(send_one(&m[0], 1), 0);
	PUMP_UNTIL(m, 1, m[0].last_request == 1);
	CHECK(!m[0].lost);
	teardown(m, 1);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Says what it costs; how much is too much is for the benchmarks. */
static void test_latency(void)
{
	static int64_t took[500];
	struct member m[3];

	setup(m, 3);
	for (int i = 0; i < 500; i++) {
		int64_t start = os_now_ns();

		CHECK_EQ(send_one(&m[0], (uint64_t)i + 1), 0);
		PUMP_UNTIL(m, 3, m[0].last_request == (uint64_t)i + 1);
		took[i] = os_now_ns() - start;
	}
	qsort(took, 500, sizeof(took[0]), by_time);
	printf("a command is back after %lld us (median), %lld us (95 of 100)\n",
	       (long long)(took[250] / 1000), (long long)(took[475] / 1000));
	teardown(m, 3);
}

int main(void)
{
	alarm(55);
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/seq", dir);
	snprintf(spec, sizeof(spec), "local:%s", path);
	TEST(test_nobody_there);
	TEST(test_bad_arguments);
	TEST(test_first_member_starts_empty);
	TEST(test_all_see_one_order);
	TEST(test_join_in_a_stream);
	TEST(test_second_of_a_node_is_refused);
	TEST(test_killed_member_leaves_at_once);
	TEST(test_provider_dies);
	TEST(test_joiner_dies);
	TEST(test_last_provider_dies);
	TEST(test_silent_provider_is_passed_over);
	TEST(test_slow_member_is_expelled);
	TEST(test_sequencer_lost);
	TEST(test_hostile_connections);
	TEST(test_latency);
	unlink(path);
	rmdir(dir);
	return test_end();
}

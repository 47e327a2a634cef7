// SPDX-License-Identifier: Apache-2.0
/*
 * Tests of the member's side alone: it is found by a path, and its sequencer or deputy can end, or hang, in more than
 * one way.
 */
#include "group/local_rig_test.h"
#include "group/member_test.h"

static void test_nobody_there(void)
{
	struct member m;

	CHECK_EQ(member_new(&m, 0), -ENOENT);
	rig_start();
	rig_stop();
	CHECK_EQ(member_new(&m, 0), -ECONNREFUSED);
}

static void test_path_is_needed(void)
{
	struct group_callbacks call = {
		on_restore, on_deliver, on_snapshot, on_quorum, NULL, NULL
	};
	struct group *group = NULL;

	CHECK_EQ(group_new(&group, "local:", 0, ADDRESS_NONE, "n", &call), -EINVAL);
	CHECK(group == NULL);
}

/* Its connections end before its door closes: it is gone all the same. */
static void test_sequencer_ends_slowly(void)
{
	struct member m[2];
	pid_t door;

	setup(m, 2);
	rig_stop();
	door = fork();
	if (!door) {
		int fd = os_unix_listen(path, OS_STREAM);

		os_poll(fd, OS_READ, WAIT_MS);
		usleep(30000);
		_exit(fd < 0);
	}
	usleep(30000);
	PUMP_UNTIL(m, 2, m[0].lost && m[1].lost);
	CHECK_EQ(m[0].lost, -ECONNRESET);
	CHECK_EQ(m[1].lost, -ECONNRESET);
	waitpid(door, NULL, 0);
	teardown(m, 2);
}

/* It says that it refuses, and closes, while the member says HELLO. */
static void test_refused_before_the_hello(void)
{
	uint8_t welcome[GROUP_HEADER_BYTES + GROUP_WELCOME_BYTES];
	int fd = os_unix_listen(path, OS_STREAM);
	struct member m;
	pid_t door;

	CHECK_OR_RETURN(fd >= 0);
	group_header_encode(welcome, GROUP_WELCOME, GROUP_WELCOME_BYTES);
	group_welcome_encode(welcome + GROUP_HEADER_BYTES,
			     &(struct group_welcome){ .result = -EEXIST });
	door = fork();
	if (!door) {
		for (;;) {
			int caller;

			os_poll(fd, OS_READ, WAIT_MS);
			caller = os_unix_accept(fd);
			os_write_full(caller, welcome, sizeof(welcome), WAIT_MS);
			os_close(caller);
		}
	}
	CHECK_OR_RETURN(door > 0);
	for (int i = 0; i < 500; i++)
		CHECK_EQ(member_new(&m, 0), -EEXIST);
	kill(door, SIGKILL);
	waitpid(door, NULL, 0);
	os_close(fd);
	unlink(path);
}

/* ---- a deputy that is made up: it lets the member in, and does then as it is told ---- */

static int deputy_listen(void)
{
	int fd = os_unix_listen(path, OS_STREAM);

	CHECK(fd >= 0);
	return fd;
}

static void deputy_say(int fd, enum group_kind kind, uint64_t number, const struct command *cmd)
{
	uint8_t frame[GROUP_HEADER_BYTES + GROUP_DELIVER_BYTES];
	uint32_t bytes = cmd ? GROUP_DELIVER_BYTES : 8;

	group_header_encode(frame, kind, bytes);
	group_number_encode(frame + GROUP_HEADER_BYTES, number);
	if (cmd)
		command_encode(cmd, frame + GROUP_HEADER_BYTES + 8);
	if (os_write_full(fd, frame, GROUP_HEADER_BYTES + bytes, WAIT_MS) < 0)
		_exit(1);
}

static void deputy_await(int fd, enum group_kind kind, uint8_t *payload, uint32_t bytes)
{
	uint8_t head[GROUP_HEADER_BYTES];
	struct group_header header;

	if (os_read_full(fd, head, sizeof(head), WAIT_MS) < 0 ||
	    group_header_decode(&header, head) < 0 || header.kind != kind ||
	    header.bytes != bytes || os_read_full(fd, payload, bytes, WAIT_MS) < 0)
		_exit(2);
}

/* Answers one PING, and no other one until there is something to read from `go`; ends at the next. */
static void deputy_run(int listener, int go)
{
	uint8_t payload[GROUP_HELLO_BYTES];
	struct group_hello hello;
	struct command join;
	int fd;
	char c;

	os_poll(listener, OS_READ, WAIT_MS);
	fd = os_unix_accept(listener);
	deputy_await(fd, GROUP_HELLO, payload, GROUP_HELLO_BYTES);
	if (group_hello_decode(&hello, payload) < 0)
		_exit(4);
	join = group_hello_join(&hello);
	deputy_say(fd, GROUP_WELCOME, 0, NULL);
	deputy_say(fd, GROUP_DELIVER, 1, &join);
	deputy_await(fd, GROUP_PING, payload, GROUP_QUORUM_BYTES);
	deputy_say(fd, GROUP_QUORUM, 1, NULL);
	if (os_read_full(go, &c, 1, 2 * WAIT_MS) < 0)
		_exit(3);
	join.kind = COMMAND_SYNC;
	join.request = 1;
	deputy_say(fd, GROUP_DELIVER, 2, &join); /* it hung, and goes on with the decided command */
	deputy_say(fd, GROUP_QUORUM, 1, NULL);
	os_read_full(go, &c, 1, 2 * WAIT_MS);
	_exit(0);
}

/* A deputy that hangs, one that goes on, and one that has gone: lost quorums, until another is there. */
static void test_deputy_hangs_and_ends(void)
{
	struct group_callbacks call;
	struct member m = { .node = 0 };
	int listener = deputy_listen(), go[2], status = 0;
	char spec[96];
	pid_t child;

	CHECK_EQ(pipe(go), 0);
	child = fork();
	if (!child)
		deputy_run(listener, go[0]);
	os_close(listener);
	call = (struct group_callbacks){ on_restore, on_deliver, on_snapshot, on_quorum, NULL, &m };
	snprintf(spec, sizeof(spec), "corosync:%s", path);
	CHECK_EQ(group_new(&m.group, spec, 0, test_address(1), "node", &call), 0);
	PUMP_UNTIL(&m, 1, m.joined);
	CHECK(m.quorum);
	for (int64_t until = os_deadline_ns(2 * WAIT_MS); m.quorum && os_now_ns() < until;)
		pump(&m, 1, 10);
	CHECK(!m.quorum);
	CHECK(!m.lost);
	CHECK_EQ(send_one(&m, 1), -EAGAIN);
	CHECK_EQ(write(go[1], "1", 1), 1);
	PUMP_UNTIL(&m, 1, m.quorum && m.order == 2);
	CHECK_EQ(send_one(&m, 1), 0);
	CHECK_EQ(write(go[1], "2", 1), 1);
	PUMP_UNTIL(&m, 1, !m.quorum);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	for (int i = 0; i < 30; i++)
		pump(&m, 1, 10);
	CHECK(!m.lost); /* there is none, and the member stays */
	listener = deputy_listen();
	PUMP_UNTIL(&m, 1, m.lost);
	CHECK_EQ(m.lost, -ESTALE);
	CHECK_EQ(m.quorum_calls, 4);
	m.group = group_free(m.group);
	os_close(listener);
	os_close(go[0]);
	os_close(go[1]);
}

int main(int argc, char **argv)
{
	rig_init(argc, argv);
	TEST(test_nobody_there);
	TEST(test_path_is_needed);
	TEST(test_sequencer_ends_slowly);
	TEST(test_refused_before_the_hello);
	TEST(test_deputy_hangs_and_ends);
	return rig_end();
}

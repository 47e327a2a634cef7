// SPDX-License-Identifier: Apache-2.0
/* The sequencer against members that are slow, silent, or none at all; and as a program. */
#include "base/prng.h"
#include "group/local_rig_test.h"
#include "group/member_test.h"
#include "group/stream.h"
#include "os/random.h"

static const char *program; /* dvs-sequencer */

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
	CHECK_EQ(m[2].lost, -ESTALE); /* it has to know that the others go on */
	CHECK(!m[2].quorum);
	teardown(m, 3);
}

/* The bytes that are sent on a raw connection, and whether it says HELLO as node 20 before. */
static void check_refused(struct member *m, bool hello, enum group_kind kind, const void *bytes,
			  size_t len)
{
	struct group_hello h = {
		.node = 20, .secret = os_random(), .name = "raw", .speaker = protocol_own
	};
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

/* Frames with something wrong in them at a random place, and bytes that never were one. */
static void send_nonsense(struct prng *prng, int fd)
{
	uint8_t bytes[GROUP_HEADER_BYTES + GROUP_DELIVER_BYTES];
	size_t len = prng_between(prng, 1, sizeof(bytes));

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)prng_next(prng);
	if (prng_chance(prng, (struct prng_ratio){ 3, 4 })) {
		struct group_hello hello = { .node = 20,
					     .secret = os_random(),
					     .speaker = protocol_own };

		group_header_encode(bytes, (enum group_kind)prng_between(prng, 1, GROUP_KIND_LAST),
				    (uint32_t)prng_between(prng, 0, GROUP_DELIVER_BYTES));
		if (prng_chance(prng, (struct prng_ratio){ 1, 4 })) {
			group_header_encode(bytes, GROUP_HELLO, GROUP_HELLO_BYTES);
			group_hello_encode(bytes + GROUP_HEADER_BYTES, &hello);
		}
	}
	os_write_some(fd, bytes, len);
}

/* Another protocol: refused with that of the group, which goes on; bytes of another version: refused as well. */
static void test_other_protocol(void)
{
	struct group_hello hello = { .node = 20,
				     .secret = os_random(),
				     .name = "later",
				     .speaker = { protocol_own.most + 1u, protocol_own.most + 1u,
						  "9.9.9" } };
	uint8_t bytes[GROUP_HEADER_BYTES + GROUP_HELLO_BYTES],
		answer[GROUP_HEADER_BYTES + GROUP_WELCOME_BYTES];
	struct group_header header;
	struct group_welcome welcome;
	struct member m;

	setup(&m, 1);
	for (int i = 0; i < 2; i++) {
		int fd = os_unix_connect(path, OS_STREAM, 1000);

		group_header_encode(bytes, GROUP_HELLO, GROUP_HELLO_BYTES);
		group_hello_encode(bytes + GROUP_HEADER_BYTES, &hello);
		bytes[0] = (uint8_t)(bytes[0] + i);
		CHECK_EQ(os_write_full(fd, bytes, sizeof(bytes), WAIT_MS), 0);
		CHECK_EQ(os_read_full(fd, answer, sizeof(answer), WAIT_MS), 0);
		CHECK_EQ(group_header_decode(&header, answer), 0);
		CHECK_EQ(group_welcome_decode(&welcome, answer + GROUP_HEADER_BYTES), 0);
		CHECK_EQ(welcome.result, -EPROTO);
		CHECK_EQ(welcome.protocol, protocol_own.most);
		CHECK_EQ(os_read_full(fd, answer, 1, WAIT_MS), -ECONNRESET);
		os_close(fd);
	}
	CHECK_EQ(m.joins, 1ull << 0);
	CHECK_EQ(m.leaves, 0);
	teardown(&m, 1);
}

static void test_nonsense(void)
{
	struct member m[2];
	struct prng prng;
	int fds[8] = { -1, -1, -1, -1, -1, -1, -1, -1 };

	setup(m, 2);
	prng_init(&prng, 4711);
	for (uint64_t i = 0; i < 3000; i++) {
		int *fd = &fds[prng_below(&prng, 8)];

		if (*fd < 0) {
			*fd = os_unix_connect(path, OS_STREAM, 1000);
			CHECK_OR_RETURN(*fd >= 0);
			os_set_nonblock(*fd, 1);
		}
		send_nonsense(&prng, *fd);
		if (prng_chance(&prng, (struct prng_ratio){ 1, 4 }))
			*fd = os_close(*fd);
		if (i % 100 == 0)
			CHECK_EQ(send_one(&m[0], i / 100 + 1), 0);
		pump(m, 2, 0);
	}
	for (int i = 0; i < 8; i++)
		os_close(fds[i]);
	PUMP_UNTIL(m, 2, m[0].last_request == 30 && same(&m[0], &m[1]));
	CHECK(!m[0].lost && !m[1].lost);
	teardown(m, 2);
}

static void test_silent_connection_is_closed(void)
{
	struct member m[1];
	int fd;
	char c;

	setup(m, 1);
	fd = os_unix_connect(path, OS_STREAM, 1000);
	CHECK_OR_RETURN(fd >= 0);
	CHECK_EQ(os_read_full(fd, &c, 1, SEQUENCER_HELLO_TIMEOUT_MS / 2), -ETIMEDOUT);
	CHECK_EQ(os_read_full(fd, &c, 1, SEQUENCER_HELLO_TIMEOUT_MS), -ECONNRESET);
	os_close(fd);
	teardown(m, 1);
}

/* The sequencer as a program: says that it is ready, serves, ends when it is told to. */
static void test_program(void)
{
	char ready[16], c;
	struct member m[1];
	int fds[2], status = 0;

	if (!program) {
		test_skip("started without the path of dvs-sequencer");
		return;
	}
	CHECK_OR_RETURN(!pipe(fds));
	snprintf(ready, sizeof(ready), "%d", fds[1]);
	server = fork();
	if (!server) {
		close(fds[0]);
		execl(program, program, "--socket", path, "--ready-fd", ready, NULL);
		_exit(127);
	}
	close(fds[1]);
	CHECK_EQ(os_read_full(fds[0], &c, 1, WAIT_MS), 0);
	CHECK_EQ(os_read_full(fds[0], &c, 1, WAIT_MS), -ECONNRESET); /* closed after that */
	close(fds[0]);
	CHECK_EQ(member_new(&m[0], 0), 0);
	PUMP_UNTIL(m, 1, m[0].joined);
	kill(server, SIGTERM);
	CHECK_EQ(waitpid(server, &status, 0), server);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	server = 0;
	PUMP_UNTIL(m, 1, m[0].lost);
	teardown(m, 1);
}

int main(int argc, char **argv)
{
	program = argc > 1 ? argv[1] : NULL;
	rig_init(argc, argv);
	TEST(test_slow_member_is_expelled);
	TEST(test_hostile_connections);
	TEST(test_other_protocol);
	TEST(test_nonsense);
	TEST(test_silent_connection_is_closed);
	TEST(test_program);
	return rig_end();
}

// SPDX-License-Identifier: Apache-2.0
/* Tests of the local engine alone: it is found by a path, and its sequencer can end in more than one way. */
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
	struct group_callbacks call = { on_restore, on_deliver, on_snapshot, on_quorum, NULL };
	struct group *group = NULL;

	CHECK_EQ(group_new(&group, "local:", 0, 0, "n", &call), -EINVAL);
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
	group_welcome_encode(welcome + GROUP_HEADER_BYTES, -EEXIST);
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

int main(int argc, char **argv)
{
	rig_init(argc, argv);
	TEST(test_nobody_there);
	TEST(test_path_is_needed);
	TEST(test_sequencer_ends_slowly);
	TEST(test_refused_before_the_hello);
	return rig_end();
}

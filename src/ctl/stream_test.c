/* SPDX-License-Identifier: Apache-2.0 */

/* The output of a process: printed as it comes, or kept; and what is missing before it. */

#include "ctl/stream.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "ctl/rig_test.h"
#include "os/socket.h"

static struct stream stream;

static int follow(void)
{
	struct ctl_request request = client_request(CTL_LOGS);
	struct refusal refusal = REFUSAL_NONE;
	struct client client;
	struct stream own = stream;
	int r = client_open(&client, -1, &refusal);

	if (!r)
		r = client_send(&client, &request, NULL, 0, &refusal);
	if (!r)
		r = stream_follow(&own, &client, &refusal);
	client_close(&client);
	rig->note[0] = r;
	rig->note[1] = (int)own.value;
	rig->note[2] = (int)own.dropped;
	rig->note[3] = (int)own.length;
	memcpy(rig->text, own.text ? own.text : "", own.length);
	stream_deinit(&own);
	return own.text != NULL;
}

static void two_parts(const struct ctl_request *request)
{
	(void)request;
	rig_row("a row", 5);
	rig_data("one ", 104); /* with these, 104 bytes were written: 100 before them */
	rig_data("two\n", 108);
	rig_end(7);
}

static void test_printed(void)
{
	rig_daemon = two_parts;
	stream = (struct stream){ .keep = false };
	CHECK_EQ(rig_call(follow), 0);
	CHECK_EQ(rig->note[0], 0);
	CHECK_EQ(rig->note[1], 7);
	CHECK_EQ(rig->note[2], 0);
	CHECK(!strcmp(rig->out, "one two\n"));
}

static void test_gap(void)
{
	stream = (struct stream){ .from_start = true };
	CHECK_EQ(rig_call(follow), 0);
	CHECK_EQ(rig->note[2], 100);
	CHECK(!strcmp(rig->out, "[dvs: 100 earlier bytes are not kept any more]\none two\n"));
}

static void test_kept(void)
{
	stream = (struct stream){ .keep = true, .from_start = true };
	CHECK_EQ(rig_call(follow), 0);
	CHECK_EQ(rig->out[0], 0);
	CHECK_EQ(rig->note[2], 100);
	CHECK_EQ(rig->note[3], 8); /* no mark in it: the document says how many */
	CHECK(!memcmp(rig->text, "one two\n", 8));
}

static void complete(const struct ctl_request *request)
{
	(void)request;
	rig_data("all", 3);
	rig_end(0);
}

static void test_no_gap(void)
{
	rig_daemon = complete;
	stream = (struct stream){ .from_start = true };
	CHECK_EQ(rig_call(follow), 0);
	CHECK(!strcmp(rig->out, "all"));
}

static void refused(const struct ctl_request *request)
{
	(void)request;
	rig_data("some", 4);
	rig_refuse(EDVSMIGRATE, "it has moved");
}

static void hangs_up(const struct ctl_request *request)
{
	(void)request;
	rig_data("some", 4);
	rig_hang_up();
}

static void test_ends(void)
{
	stream = (struct stream){ .keep = true };
	rig_daemon = refused;
	CHECK_EQ(rig_call(follow), 0);
	CHECK_EQ(rig->note[0], EDVSMIGRATE);
	CHECK_EQ(rig->note[3], 4); /* the bytes before it are there */
	rig_daemon = hangs_up;
	CHECK_EQ(rig_call(follow), 0);
	CHECK_EQ(rig->note[0], EDVSCONNRESET);
}

static int follow_full(void)
{
	int full = open("/dev/full", O_WRONLY);

	dup2(full, STDOUT_FILENO);
	return follow();
}

static int follow_unread(void)
{
	int pipe_fds[2];

	signal(SIGPIPE, SIG_IGN);
	if (pipe(pipe_fds) < 0)
		return 1;
	dup2(pipe_fds[1], STDOUT_FILENO);
	close(pipe_fds[0]);
	return follow();
}

static void test_not_written(void)
{
	rig_daemon = two_parts;
	stream = (struct stream){ .keep = false };
	CHECK_EQ(rig_call(follow_full), 0);
	CHECK_EQ(rig->note[0], EDVSNOSPC);
	CHECK_EQ(rig_call(follow_unread), 0);
	CHECK_EQ(rig->note[0], EDVSPIPE);
}

int main(void)
{
	TEST(test_printed);
	TEST(test_gap);
	TEST(test_kept);
	TEST(test_no_gap);
	TEST(test_ends);
	TEST(test_not_written);
	return test_end();
}

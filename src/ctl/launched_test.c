/* SPDX-License-Identifier: Apache-2.0 */

/* The fate of a command that was started, and its exit status. */

#include "ctl/launched.h"

#include <signal.h>

#include "ctl/rig_test.h"

static char command[] = "cmd";
static char *argv[] = { command, NULL };
static struct launch launch;
static bool json;
static int64_t wait_status;
static int serves = 1;

static int show(void)
{
	verb_expect(1, (char *[]){ json ? (char[]){ "--json" } : (char[]){ "x" } });
	return launched_show(&launch, json);
}

static void starts(const struct ctl_request *request)
{
	struct ctl_run_row row = {
		.lpid = 77, .vpid = 7, .endpoint = 20, .node = 1, .serves = serves
	};

	(void)request;
	rig_row(&row, sizeof(row));
	if (launch.wait)
		rig_data("output\n", 7);
	rig_end(wait_status);
}

static void begin(bool wait, bool as_json)
{
	launch = (struct launch){ .node = -1,
				  .dcid = 2,
				  .endpoint = 20,
				  .bind_type = LCL_BIND,
				  .umask = LAUNCH_UMASK_OWN,
				  .wait = wait,
				  .argv = argv };
	json = as_json;
	rig_daemon = starts;
	wait_status = 0;
}

static void test_started(void)
{
	begin(false, false);
	CHECK_EQ(rig_call(show), DONE);
	CHECK(!strcmp(rig->out, "lpid=77 vpid=7 endpoint=20 node=1\n"));
	CHECK_EQ(rig->err[0], 0);
	launch.unbound = true;
	launch.endpoint = NONE;
	CHECK_EQ(rig_call(show), DONE);
	CHECK(!strcmp(rig->out, "lpid=77 vpid=7 node=1\n"));
	json = true;
	CHECK_EQ(rig_call(show), DONE);
	CHECK(rig_has_null("endpoint"));
	CHECK(rig_has_number("lpid", 77));
	begin(false, false);
	serves = 0;
	CHECK_EQ(rig_call(show), DONE);
	CHECK(rig_wrong(
		"endpoint 20 of the classic container 2 may call servers but cannot be one"));
	serves = 1;
}

/* Attached: its output is ours, and its status, also that of a signal as shells say it. */
static void test_attached(void)
{
	begin(true, false);
	wait_status = 3 << 8;
	CHECK_EQ(rig_call(show), 3);
	CHECK(!strcmp(rig->out, "output\n"));
	CHECK(rig_wrong("lpid=77 vpid=7 endpoint=20 node=1"));
	wait_status = SIGKILL;
	CHECK_EQ(rig_call(show), 128 + SIGKILL);
	json = true;
	wait_status = 3 << 8;
	CHECK_EQ(rig_call(show), 3);
	CHECK(rig_has_text("log", "output\n"));
	CHECK(rig_has_number("status", 3));
}

static void refuses(const struct ctl_request *request)
{
	(void)request;
	rig_refuse(EDVSSLOTUSED, "endpoint 20 is taken");
}

static void ends_early(const struct ctl_request *request)
{
	struct ctl_run_row row = { .lpid = 77, .endpoint = 20, .serves = 1 };

	(void)request;
	rig_row(&row, sizeof(row));
	rig_hang_up();
}

static void test_refused(void)
{
	begin(true, true);
	rig_daemon = refuses;
	CHECK_EQ(rig_call(show), REFUSED);
	CHECK(rig_has_text("error", "EDVSSLOTUSED"));
	rig_daemon = ends_early;
	CHECK_EQ(rig_call(show), REFUSED);
	CHECK(rig_has_text("error", "EDVSCONNRESET"));
}

static void interrupted(const struct ctl_request *request)
{
	struct ctl_run_row row = { .lpid = 77, .endpoint = 20, .serves = 1 };

	(void)request;
	rig_row(&row, sizeof(row));
	raise(SIGINT);
}

static void test_detached(void)
{
	begin(true, false);
	rig_daemon = interrupted;
	CHECK_EQ(rig_call(show), 130);
	CHECK(rig_wrong("detached, endpoint 20 runs on: `dvs logs 2 20 -f`"));
	launch.unbound = true;
	CHECK_EQ(rig_call(show), 130);
	CHECK(rig_wrong("detached, process 77 runs on"));
}

int main(void)
{
	TEST(test_started);
	TEST(test_attached);
	TEST(test_refused);
	TEST(test_detached);
	return test_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/launch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk.h"

static char command[] = "cmd", argument[] = "";
static char *argv[] = { command, argument, NULL };
static char bytes[CTL_PACKET_MAX];

/* Number `index` of the strings behind struct ctl_run. */
static const char *string_at(size_t len, unsigned index)
{
	const char *at = bytes + sizeof(struct ctl_run);

	while (index-- && at < bytes + len)
		at += strlen(at) + 1;
	return at < bytes + len ? at : NULL;
}

static void test_what_is_sent(void)
{
	struct launch launch = { .umask = 027, .log_bytes = 5000, .argv = argv };
	struct refusal refusal = REFUSAL_NONE;
	char cwd[4096];
	struct ctl_run run;
	size_t len = 0;

	CHECK_EQ(clearenv(), 0);
	CHECK(!setenv("FIRST", "1", 1) && !setenv("DVS_NODE", "2", 1));
	CHECK(!setenv(CTL_SOCKET_VARIABLE, "/nowhere", 1) && !setenv("DVS_NODES", "kept", 1));
	CHECK_EQ(launch_encode(&launch, bytes, sizeof(bytes), &len, &refusal), 0);
	memcpy(&run, bytes, sizeof(run));
	CHECK_EQ(run.argc, 2);
	CHECK_EQ(run.envc, 2); /* not those about the caller's place */
	CHECK_EQ(run.umask, 027);
	CHECK_EQ(run.log_bytes, 5000);
	CHECK(!strcmp(string_at(len, 0), "cmd"));
	CHECK(!strcmp(string_at(len, 1), ""));
	CHECK(!strcmp(string_at(len, 2), "FIRST=1"));
	CHECK(!strcmp(string_at(len, 3), "DVS_NODES=kept"));
	CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(string_at(len, 4), cwd));
	CHECK(!string_at(len, 5));
}

static void test_umask(void)
{
	struct launch launch = { .umask = LAUNCH_UMASK_OWN, .argv = argv };
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_run run;
	size_t len;

	CHECK_EQ(launch_encode(&launch, bytes, sizeof(bytes), &len, &refusal), 0);
	memcpy(&run, bytes, sizeof(run));
	CHECK_EQ(run.umask, umask(0));
	umask((mode_t)run.umask);
}

/* Nothing is written behind the end, wherever that is, and what fits just so is sent. */
static void test_too_long(void)
{
	struct launch launch = { .umask = 0, .argv = argv };
	size_t len = 0, cut;

	CHECK_EQ(launch_encode(&launch, bytes, sizeof(bytes), &len, NULL), 0);
	for (size_t size = sizeof(struct ctl_run); size < len; size++) {
		struct refusal refusal = REFUSAL_NONE;

		memset(bytes, 0x5a, len);
		CHECK_EQ(launch_encode(&launch, bytes, size, &cut, &refusal), EDVS2BIG);
		CHECK_EQ(bytes[size], 0x5a);
		CHECK(refusal.reason[0]);
	}
	CHECK_EQ(launch_encode(&launch, bytes, len, &cut, NULL), 0);
	CHECK_EQ(cut, len);
}

int main(void)
{
	TEST(test_what_is_sent);
	TEST(test_umask);
	TEST(test_too_long);
	return test_end();
}

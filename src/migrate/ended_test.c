/* SPDX-License-Identifier: Apache-2.0 */
/* A read of /proc failed: because the process has ended, or for another reason, which is told. */
#include "migrate/ended.h"

#include <errno.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"

#define STAT(state, threads) \
	"7 (a) b) " state " 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 " threads " 0 99\n"

static int refuse(const char *stat, int r, struct refusal *refusal)
{
	struct made_proc made;

	*refusal = REFUSAL_NONE;
	made_proc_open(&made);
	if (stat)
		made_proc_text(&made, "stat", stat);
	int result = ended_refuse(made.dir, r, "list of threads", refusal);

	made_proc_close(&made);
	return result;
}

static void test_ended(void)
{
	struct refusal refusal;

	CHECK(is_refusal(refuse(NULL, -ESRCH, &refusal), &refusal, EDVSSRCH, "has ended"));
	CHECK(is_refusal(refuse(STAT("Z", "1"), -EACCES, &refusal), &refusal, EDVSSRCH,
			 "has ended"));
	CHECK(is_refusal(refuse(STAT("X", "0"), -ENOENT, &refusal), &refusal, EDVSSRCH,
			 "has ended"));
}

/* A main thread that is gone is no end while other threads run. */
static void test_alive(void)
{
	struct refusal refusal;

	CHECK(is_refusal(refuse(STAT("Z", "2"), -ENOENT, &refusal), &refusal, EDVSIO,
			 "the list of threads of the process cannot be read: No such file"));
	CHECK(is_refusal(refuse(STAT("S", "1"), -EACCES, &refusal), &refusal, EDVSIO,
			 "Permission denied"));
	CHECK(is_refusal(refuse(STAT("S", "1"), -ENOMEM, &refusal), &refusal, EDVSNOMEM,
			 "cannot be read"));
	/* A result that is no errno. */
	CHECK(is_refusal(refuse(STAT("S", "1"), 0, &refusal), &refusal, EDVSIO,
			 "Input/output error"));
}

/* The first refusal is nearest to the cause. */
static void test_first_wins(void)
{
	struct refusal refusal = { EDVSPROCSTS, "the process has a thing" };

	ended_refuse(-1, -EIO, "list of threads", &refusal);
	CHECK_EQ(refusal.error, EDVSPROCSTS);
}

int main(void)
{
	TEST(test_ended);
	TEST(test_alive);
	TEST(test_first_wins);
	return test_end();
}

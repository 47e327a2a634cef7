/* SPDX-License-Identifier: Apache-2.0 */
/* Owners of descriptors of this very process. */
#include "migrate/owners.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "os/pid.h"

static struct owners owners;
static struct refusal refusal;
static int ends[2];

static bool moves(const void *ctx, pid_t pid)
{
	return pid == *(const pid_t *)ctx;
}

static int read_one(bool is_async, pid_t moving)
{
	refusal = REFUSAL_NONE;
	owners.count = 0;
	return owners_read(&owners, getpid(), ends[0], is_async, moves, &moving, &refusal);
}

static bool is(uint32_t type, int32_t vpid, uint32_t signal, bool async)
{
	const struct image_owner *owner = owners.owner;

	return owners.count == 1 && owner->number == ends[0] && owner->type == type &&
	       owner->vpid == vpid && owner->signal == signal && owner->async == async;
}

static void test_found(void)
{
	CHECK_OR_RETURN(pipe(ends) == 0);
	int32_t self = os_pid_innermost(getpid());
	struct f_owner_ex thread = { F_OWNER_TID, gettid() };

	CHECK_EQ(read_one(false, getpid()), 0);
	CHECK_EQ(owners.count, 0);
	CHECK_EQ(read_one(true, getpid()), 0);
	CHECK(is(0, 0, 0, true));
	CHECK(fcntl(ends[0], F_SETOWN, getpid()) == 0 && fcntl(ends[0], F_SETSIG, SIGRTMIN) == 0);
	CHECK_EQ(read_one(false, getpid()), 0);
	CHECK(is(IMAGE_OWNER_PROCESS, self, (uint32_t)SIGRTMIN, false));
	CHECK(fcntl(ends[0], F_SETOWN_EX, &thread) == 0 && read_one(true, getpid()) == 0);
	CHECK(is(IMAGE_OWNER_THREAD, self, (uint32_t)SIGRTMIN, true));
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	CHECK(setpgid(child, child) == 0 && fcntl(ends[0], F_SETOWN, -child) == 0);
	CHECK_EQ(read_one(true, child), 0);
	CHECK(is(IMAGE_OWNER_GROUP, os_pid_innermost(child), (uint32_t)SIGRTMIN, true));
	CHECK(is_refusal(read_one(true, getpid()), &refusal, EDVSPROCSTS, "to process group"));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	CHECK_EQ(read_one(false, getpid()), 0); /* nobody is left */
	CHECK_EQ(owners.count, 0);
	close(ends[1]);
	close(ends[0]);
	ends[0] = 1000; /* closed */
	CHECK_EQ(read_one(true, getpid()), 0);
	CHECK_EQ(owners.count, 0);
	owners_free(&owners);
}

int main(void)
{
	TEST(test_found);
	return test_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "os/credentials.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <grp.h>
#include <stdlib.h>

#include "base/test.h"
#include "os/thread.h"

#define NOBODY 65534u

static char secret[16] = "of this process";

/* A child that has done something to itself. */
struct child {
	pid_t pid;
	int in, out;
	char said; /* the result of the function: 0, or 77 where this cannot be done here */
};

static struct child child_that(int (*does)(void))
{
	struct child child;
	int in[2], out[2];
	char byte;

	if (pipe(in) || pipe(out))
		abort();
	child.pid = fork();
	if (!child.pid) {
		close(in[1]);
		byte = (char)does();
		if (write(out[1], &byte, 1) != 1 || read(in[0], &byte, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(in[0]);
	close(out[1]);
	child.in = in[1];
	child.out = out[0];
	CHECK_EQ(read(child.out, &child.said, 1), 1);
	CHECK(child.said == 0 || child.said == 77);
	return child;
}

static void end(struct child *child)
{
	kill(child->pid, SIGKILL);
	close(child->in);
	close(child->out);
	waitpid(child->pid, NULL, 0);
}

static int nothing(void)
{
	return 0;
}

static int become_nobody(void)
{
	return setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	       setresuid(NOBODY, NOBODY, NOBODY);
}

static int become_nobody_openly(void)
{
	return become_nobody() || prctl(PR_SET_DUMPABLE, 1);
}

static int keep_the_saved_user(void)
{
	return setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, 0) ||
	       prctl(PR_SET_DUMPABLE, 1);
}

/* Does the kernel let a child that became nobody read this process's and that one's memory? */
static bool kernel_lets(pid_t target)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		char got[sizeof(secret)];

		if (become_nobody())
			_exit(2);
		_exit(os_process_copy(target, got, (uint64_t)(uintptr_t)secret, sizeof(got), true)
			      ? 1
			      : 0);
	}
	waitpid(pid, &status, 0);
	CHECK(status == 0 || status == 1 << 8);
	return status == 0;
}

static const struct asker nobody = { .uid = NOBODY, .gid = NOBODY };

static void test_root(void)
{
	struct child child = child_that(nothing);
	struct credentials credentials;
	struct asker asker;

	CHECK_EQ(os_asker_of(child.pid, &asker), 0);
	CHECK_EQ(asker.uid, 0);
	CHECK_EQ(asker.user_ns, 0);
	CHECK(asker.permitted != 0);
	CHECK_EQ(os_credentials_of(child.pid, &credentials), 0);
	CHECK(asker_may_access(&asker, &credentials));
	CHECK(!asker_may_access(&nobody, &credentials));
	CHECK(!kernel_lets(child.pid));
	end(&child);
}

static void test_rights_that_were_given_up(void)
{
	struct child child = child_that(become_nobody), root = child_that(nothing);
	struct credentials credentials;
	struct asker asker;

	CHECK_EQ(os_asker_of(child.pid, &asker), 0);
	CHECK_EQ(asker.uid, NOBODY);
	CHECK_EQ(asker.gid, NOBODY);
	CHECK_EQ(asker.permitted, 0);
	CHECK(!asker.may_trace);
	CHECK_EQ(os_credentials_of(root.pid, &credentials), 0);
	CHECK(!asker_may_access(&asker, &credentials));
	/* Secrets of root are in its memory: the kernel hides that until the process says otherwise. */
	CHECK_EQ(os_credentials_of(child.pid, &credentials), 0);
	CHECK(!credentials.dumpable);
	CHECK(!asker_may_access(&nobody, &credentials));
	CHECK(!kernel_lets(child.pid));
	end(&child);
	end(&root);
}

static void test_dumpable(void)
{
	struct child child = child_that(become_nobody_openly);
	struct credentials credentials;

	CHECK_EQ(os_credentials_of(child.pid, &credentials), 0);
	CHECK(credentials.dumpable);
	CHECK(asker_may_access(&nobody, &credentials));
	end(&child);
}

static void test_a_saved_user(void)
{
	struct child child = child_that(keep_the_saved_user);
	struct credentials credentials;

	CHECK_EQ(os_credentials_of(child.pid, &credentials), 0);
	CHECK_EQ(credentials.uid[2], 0);
	CHECK(!asker_may_access(&nobody, &credentials));
	CHECK(!kernel_lets(child.pid));
	end(&child);
}

static int into_a_user_namespace(void)
{
	return unshare(CLONE_NEWUSER) ? 77 : 0;
}

static void test_a_user_namespace(void)
{
	struct child child = child_that(into_a_user_namespace);
	struct credentials credentials;
	struct asker asker;

	if (child.said) {
		/* Not where they are switched off, nor with the thread of a sanitizer. */
		test_skip("no user namespace can be made here");
		end(&child);
		return;
	}
	CHECK_EQ(os_asker_of(child.pid, &asker), 0);
	CHECK(asker.may_trace);
	CHECK(asker.user_ns != 0);
	CHECK(!asker_may_all(&asker));
	CHECK_EQ(os_credentials_of(getpid(), &credentials), 0);
	CHECK(!asker_may_access(&asker, &credentials));
	end(&child);
}

static void test_gone(void)
{
	struct child child = child_that(nothing);
	struct credentials credentials;
	struct asker asker;

	end(&child);
	CHECK_EQ(os_asker_of(child.pid, &asker), -ESRCH);
	CHECK_EQ(os_credentials_of(child.pid, &credentials), -ESRCH);
}

int main(void)
{
	if (geteuid())
		return 77;
	TEST(test_root);
	TEST(test_rights_that_were_given_up);
	TEST(test_dumpable);
	TEST(test_a_saved_user);
	TEST(test_a_user_namespace);
	TEST(test_gone);
	return test_end();
}

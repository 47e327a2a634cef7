/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/fault.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/clock.h"

#define LONG_NS (150 * OS_MS_NS) /* a sleep takes 200 ms, and a point without a fault none */

static int looks;

static bool told(void *ctx)
{
	const int *most = ctx;

	return ++looks > *most;
}

static bool step_stops(const char *name, int p_nr)
{
	int64_t begin = os_now_ns();
	int most = 0;

	looks = 0;
	fault_step(name, p_nr, told, &most);
	return os_now_ns() - begin > LONG_NS;
}

static void test_no_fault(void)
{
	unsetenv("DVS_FAULT");
	CHECK(!step_stops("source-check", 3));
	CHECK(!fault_is("search"));
}

/* A name is whole, and any of the list. */
static void test_names(void)
{
	setenv("DVS_FAULT", "source-checked:sleep,target-load:sleep", 1);
	CHECK(!step_stops("source-check", 3));
	CHECK(!step_stops("load", 3));
	CHECK(step_stops("target-load", 3));
	CHECK(step_stops("source-checked", 4));
}

static void test_of_one_endpoint(void)
{
	setenv("DVS_FAULT", "source-sent@3:sleep", 1);
	CHECK(!step_stops("source-sent", 4));
	CHECK(!step_stops("source-sent", 30));
	CHECK(step_stops("source-sent", 3));
}

/* The narrower entry goes before. */
static void test_hanging(void)
{
	int most = 3;

	setenv("DVS_FAULT", "source-sent:sleep,source-sent@3:hang", 1);
	looks = 0;
	fault_step("source-sent", 3, told, &most);
	CHECK_EQ(looks, 4);
	CHECK(step_stops("source-sent", 4));
	CHECK_EQ(looks, 0);
}

/* A child passes the point: whether it ends there as by SIGKILL. */
static bool dies_at(const char *fault, const char *name)
{
	int status = 0;
	pid_t pid;

	setenv("DVS_FAULT", fault, 1);
	pid = fork();
	if (pid == 0) {
		fault_point(name);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == 9 : status == 0);
	return WIFSIGNALED(status);
}

/* A name and an action are whole words, and of two entries for a place the first one counts. */
static void test_a_death(void)
{
	CHECK(dies_at("init-collect:exit", "init-collect"));
	CHECK(dies_at("a:sleep,init-collect:exit", "init-collect"));
	CHECK(dies_at("init-collect:exit,init-collect:sleep", "init-collect"));
	CHECK(!dies_at("init-collect:sleep,init-collect:exit", "init-collect"));
	CHECK(!dies_at("init-collect:exit", "init-collected"));
	CHECK(!dies_at("init-collect-exit", "init-collect"));
	CHECK(!dies_at("init-collect:exits", "init-collect"));
	CHECK(!dies_at("init-collect@5:exit", "init-collect"));
}

static void test_words(void)
{
	setenv("DVS_FAULT", "search", 1);
	CHECK(fault_is("search"));
	CHECK(!fault_is("sea"));
	setenv("DVS_FAULT", "searching", 1);
	CHECK(!fault_is("search"));
}

int main(void)
{
	TEST(test_no_fault);
	TEST(test_names);
	TEST(test_of_one_endpoint);
	TEST(test_hanging);
	TEST(test_a_death);
	TEST(test_words);
	return test_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "os/procdir.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

static void *live_on(void *nothing)
{
	for (;;)
		pause();
	return nothing;
}

/* A child that waits; or one whose main thread ends while another one lives. */
static pid_t start(bool without_main)
{
	pid_t child = fork();
	pthread_t thread;

	if (child)
		return child;
	if (without_main && pthread_create(&thread, NULL, live_on, NULL) == 0)
		syscall(SYS_exit, 0);
	live_on(NULL);
	_exit(0);
}

static bool is_zombie(int dir)
{
	struct procdir_text text = { 0 };
	const char *state =
		procdir_read(dir, "status", &text) ? NULL : procdir_field(text.text, "State");
	bool zombie = state && *state == 'Z';

	procdir_text_free(&text);
	return zombie;
}

static void await_zombie(int dir)
{
	for (int ms = 0; ms < 5000 && !is_zombie(dir); ms++)
		usleep(1000);
	CHECK(is_zombie(dir));
}

static void test_ended(void)
{
	pid_t child = start(false);
	int dir = procdir_open(child);

	CHECK_OR_RETURN(dir >= 0);
	CHECK(!procdir_ended(dir));
	kill(child, SIGKILL);
	await_zombie(dir);
	CHECK(procdir_ended(dir));
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(procdir_ended(dir));
	close(dir);
}

/* Its main thread has ended, and the process has not. */
static void test_not_ended_without_main_thread(void)
{
	pid_t child = start(true);
	int dir = procdir_open(child);

	CHECK_OR_RETURN(dir >= 0);
	await_zombie(dir);
	CHECK(!procdir_ended(dir));
	kill(child, SIGKILL);
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK(procdir_ended(dir));
	close(dir);
}

/* A process that cannot be looked at has not ended for that. */
static void test_not_ended_without_descriptors(void)
{
	struct rlimit limit, none;
	struct procdir_text text = { 0 };
	int dir = procdir_open(getppid());

	CHECK_OR_RETURN(dir >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_EQ(procdir_read(dir, "stat", &text), -EMFILE);
	CHECK(!procdir_ended(dir));
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	procdir_text_free(&text);
	close(dir);
}

static void test_numbers(void)
{
	int pair[2], *number = NULL, dir = procdir_open(getpid());
	size_t count = 0, found = 0;

	CHECK_EQ(pipe(pair), 0);
	CHECK_EQ(procdir_numbers(dir, "fd", &number, &count), 0);
	for (size_t i = 0; i < count; i++) {
		CHECK(i == 0 || number[i - 1] < number[i]);
		found += number[i] == pair[0] || number[i] == pair[1];
	}
	CHECK_EQ(found, 2);
	free(number);
	close(pair[0]);
	close(pair[1]);
	close(dir);
}

int main(void)
{
	TEST(test_ended);
	TEST(test_not_ended_without_main_thread);
	TEST(test_not_ended_without_descriptors);
	TEST(test_numbers);
	return test_end();
}

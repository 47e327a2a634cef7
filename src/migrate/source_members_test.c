/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/source_members.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "os/sleeper_test.h"

static struct made_proc made;
static struct inventory inventory;

/* Children of all threads, those of the kernel's list and nothing else. */
static void test_list(void)
{
	struct source_children children = { 0 };

	made_proc_open(&made);
	inventory = (struct inventory){ .dir = made.dir, .pid = 50 };
	made_proc_text(&made, "task/50/children", "51 52 ");
	made_proc_text(&made, "task/53/children", "");
	made_proc_text(&made, "task/54/children", "55 x");
	made_proc_text(&made, "task/56/comm", "without"); /* it has just ended */
	CHECK_EQ(source_children_list(&children, &inventory), 0);
	CHECK_EQ(children.count, 3);
	pid_t sum = 0;

	for (uint32_t i = 0; i < children.count; i++) {
		sum += children.child[i].pid;
		CHECK_EQ(children.child[i].is_of_thread, children.child[i].pid == 55);
	}
	CHECK_EQ(sum, 51 + 52 + 55);
	source_children_free(&children);
	CHECK(!children.child);
	procdir_text_free(&inventory.text);
	made_proc_close(&made);
}

static void check_end(pid_t pid, uint32_t status)
{
	struct refusal refusal = REFUSAL_NONE;
	struct image_member member;
	siginfo_t info;

	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK(source_members_has_ended(pid));
	CHECK_EQ(source_members_read_ended(pid, &member, &refusal), 0);
	CHECK(member.ended == 1 && member.status == status && member.exit_signal == SIGCHLD);
	CHECK(member.vpid > 0 && member.session >= 0 && member.group >= 0);
	waitpid(pid, NULL, 0);
	CHECK(!source_members_has_ended(pid)); /* it is gone */
	CHECK(is_refusal(source_members_read_ended(pid, &member, &refusal), &refusal, EDVSBUSY,
			 "cannot be looked at"));
}

static void test_ended(void)
{
	pid_t living = sleeper(), killed = sleeper(), gone = fork();

	if (gone == 0)
		_exit(3);
	CHECK(!source_members_has_ended(living));
	kill(killed, SIGKILL);
	check_end(killed, SIGKILL);
	check_end(gone, 3 << 8);
	kill(living, SIGKILL);
	waitpid(living, NULL, 0);
}

static void *stay(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* Its main thread alone has ended. */
static void test_main_thread(void)
{
	pid_t pid = fork();
	pthread_t thread;

	if (pid == 0) {
		pthread_create(&thread, NULL, stay, NULL);
		pthread_exit(NULL);
	}
	char path[32], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (int ms = 0; ms < 2000 && state != 'Z'; ms++) {
		FILE *file = fopen(path, "r");

		CHECK_OR_RETURN(file);
		CHECK_EQ(fscanf(file, "%*d %*s %c", &state), 1);
		fclose(file);
		usleep(1000);
	}
	CHECK_EQ(state, 'Z');
	CHECK(!source_members_has_ended(pid));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	TEST(test_list);
	TEST(test_ended);
	TEST(test_main_thread);
	return test_end();
}

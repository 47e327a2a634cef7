/* SPDX-License-Identifier: Apache-2.0 */

/* dvs lab exec: whose words are whose, and where the command finds itself. */

#include <errno.h>
#include <stdlib.h>

#include "ctl/labstate.h"
#include "ctl/rig_test.h"
#include "os/netns.h"
#include "os/self.h"
#include "os/task.h"

static bool alive;
static int enter_error, become_error;

int __wrap_lab_load_node(struct lab *to, bool lock, int node, struct refusal *refusal);
bool __wrap_os_task_alive(const struct task_id *task);
int __wrap_os_netns_enter(pid_t pid);
int __wrap_os_self_become(char **argv);

int __wrap_lab_load_node(struct lab *to, bool lock, int node, struct refusal *refusal)
{
	if (lock)
		abort(); /* it would stay held as long as the command runs */
	memset(to, 0, sizeof(*to));
	to->node[2].used = true;
	to->node[2].task.pid = 77;
	to->node[3].used = true; /* killed */
	return node == 2 || node == 3 ? 0 : refusal_set(refusal, EDVSBADNODEID, "no node %d", node);
}

bool __wrap_os_task_alive(const struct task_id *task)
{
	return alive && task->pid == 77;
}

int __wrap_os_netns_enter(pid_t pid)
{
	rig->note[0] = pid;
	return enter_error;
}

static void note(const char *first, const char *second)
{
	rig_append(rig->text, sizeof(rig->text), first);
	rig_append(rig->text, sizeof(rig->text), second);
}

int __wrap_os_self_become(char **argv)
{
	for (int i = 0; argv[i]; i++)
		note(argv[i], " ");
	note(getenv("DVS_NODE"), getenv(CTL_SOCKET_VARIABLE));
	if (!become_error)
		exit(42); /* the command's own status */
	return become_error;
}

static void test_words(void)
{
	alive = true;
	CHECK_EQ(rig_run(verb_lab_exec, NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_lab_exec, "2", NULL), WRONG_USAGE);
	CHECK(rig_wrong("a command is needed"));
	CHECK_EQ(rig_run(verb_lab_exec, "3x", "cmd", NULL), WRONG_USAGE);
	CHECK_EQ(rig->note[0], 0);
	CHECK_EQ(rig_run(verb_lab_exec, "2", "cmd", "--json", "-x", NULL), 42);
	CHECK_EQ(rig->note[0], 77);
	CHECK(!strcmp(rig->text, "cmd --json -x 2" LAB_FOLDER "/node2.sock"));
	CHECK_EQ(rig_run(verb_lab_exec, "2", "--", "cmd", NULL), 42);
}

static void test_refused(void)
{
	CHECK_EQ(rig_run(verb_lab_exec, "5", "cmd", NULL), REFUSED);
	CHECK(rig_wrong("no node 5"));
	CHECK_EQ(rig_run(verb_lab_exec, "3", "cmd", NULL), REFUSED);
	CHECK(rig_wrong("node 3 does not run: `dvs lab start 3` starts it"));
	alive = false;
	CHECK_EQ(rig_run(verb_lab_exec, "--json", "2", "cmd", NULL), REFUSED);
	CHECK(rig_has_text("error", "EDVSNONODE"));
	CHECK_EQ(rig->note[0], 0);
	alive = true;
	enter_error = -EPERM;
	CHECK_EQ(rig_run(verb_lab_exec, "2", "cmd", NULL), REFUSED);
	CHECK(rig_wrong("cannot enter node 2"));
	CHECK_EQ(rig->text[0], 0);
	enter_error = 0;
	become_error = -ENOENT;
	CHECK_EQ(rig_run(verb_lab_exec, "2", "cmd", NULL), REFUSED);
	CHECK(rig_wrong("cannot run cmd"));
	CHECK(rig_wrong("EDVSNOENT"));
	become_error = -EACCES;
	CHECK_EQ(rig_run(verb_lab_exec, "2", "cmd", NULL), REFUSED);
	CHECK(rig_wrong("EDVSNOEXEC"));
	become_error = 0;
}

int main(void)
{
	TEST(test_words);
	TEST(test_refused);
	return test_end();
}

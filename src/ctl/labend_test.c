/* SPDX-License-Identifier: Apache-2.0 */

/* Which processes end with a lab or a node of it, and which are left alone. They are the test's. */

#include "ctl/labend.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "ctl/labnet.h"
#include "ctl/labnode.h"
#include "ctl/rig_test.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/netns.h"
#include "os/self.h"
#include "os/task.h"

#define OWN_PID	  10
#define OWN_INODE 1

struct process {
	pid_t pid;
	uint64_t start, inode, cookie;
	const char *words;
	bool stubborn, not_root, gone;
};

static struct process process[12];
static int count;
static unsigned unplugged;
static bool folder, unlocked, forgotten;
static char corosyncs[32];

static struct process *find(pid_t pid)
{
	for (int i = 0; i < count; i++)
		if (process[i].pid == pid && !process[i].gone)
			return &process[i];
	return NULL;
}

static struct process *add(pid_t pid, uint64_t inode, uint64_t cookie, const char *words)
{
	process[count] = (struct process){ .pid = pid,
					   .start = (uint64_t)pid * 10,
					   .inode = inode,
					   .cookie = cookie,
					   .words = words };
	return &process[count++];
}

/* ---- the machine ---- */

int __wrap_os_task_each(int (*fn)(void *ctx, pid_t pid), void *ctx);
int __wrap_os_netns_inode(pid_t pid, uint64_t *inode);
int __wrap_os_netns_of(pid_t pid, struct netns_id *id);
int __wrap_os_task_of(pid_t pid, struct task_id *id);
int __wrap_os_task_kill(const struct task_id *id, int signo);
int __wrap_os_task_wait_gone(const struct task_id *id, int timeout_ms);
bool __wrap_os_task_remains(const struct task_id *id);
bool __wrap_os_task_alive(const struct task_id *id);
bool __wrap_os_task_is_of_root_here(pid_t pid);
int __wrap_os_task_words(pid_t pid, char *buf, size_t size);
pid_t __wrap_os_self_pid(void);
void __wrap_os_self_sleep_ms(unsigned ms);
bool __wrap_os_folder_exists(const char *path);
void __wrap_labnet_unplug(const struct lab *lab, int node);
int __wrap_lab_forget(struct lab *lab, struct refusal *refusal);
void __wrap_labcorosync_forget(pid_t pid);
void __wrap_lab_unlock(struct lab *lab);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

static int64_t now_ns;

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	(void)clock;
	now_ns += OS_US_NS;
	*time = os_timespec(now_ns);
	return 0;
}

void __wrap_os_self_sleep_ms(unsigned ms)
{
	now_ns += ms * OS_MS_NS;
}

int __wrap_os_task_each(int (*fn)(void *ctx, pid_t pid), void *ctx)
{
	for (int i = 0; i < count; i++)
		if (!process[i].gone)
			fn(ctx, process[i].pid);
	return 0;
}

int __wrap_os_netns_inode(pid_t pid, uint64_t *inode)
{
	if (!find(pid))
		return -ESRCH;
	*inode = find(pid)->inode;
	return 0;
}

int __wrap_os_netns_of(pid_t pid, struct netns_id *id)
{
	if (!find(pid))
		return -ESRCH;
	*id = (struct netns_id){ find(pid)->inode, find(pid)->cookie };
	return 0;
}

int __wrap_os_task_of(pid_t pid, struct task_id *id)
{
	if (!find(pid))
		return -ESRCH;
	*id = (struct task_id){ pid, find(pid)->start };
	return 0;
}

int __wrap_os_task_kill(const struct task_id *id, int signo)
{
	CHECK_EQ(signo, SIGKILL);
	if (find(id->pid) && find(id->pid)->start == id->start && !find(id->pid)->stubborn)
		find(id->pid)->gone = true;
	return 0;
}

bool __wrap_os_task_alive(const struct task_id *id)
{
	return find(id->pid) && find(id->pid)->start == id->start;
}

int __wrap_os_task_wait_gone(const struct task_id *id, int timeout_ms)
{
	CHECK(timeout_ms >= 0);
	return __wrap_os_task_alive(id) ? -ETIMEDOUT : 0;
}

bool __wrap_os_task_remains(const struct task_id *id)
{
	return __wrap_os_task_alive(id);
}

bool __wrap_os_task_is_of_root_here(pid_t pid)
{
	return !find(pid)->not_root;
}

int __wrap_os_task_words(pid_t pid, char *buf, size_t size)
{
	if (strlen(find(pid)->words) >= size)
		return -EFBIG;
	return snprintf(buf, size, "%s", find(pid)->words);
}

pid_t __wrap_os_self_pid(void)
{
	return OWN_PID;
}

bool __wrap_os_folder_exists(const char *path)
{
	return !strcmp(path, LAB_FOLDER) && folder;
}

void __wrap_labnet_unplug(const struct lab *lab, int node)
{
	(void)lab;
	unplugged |= 1u << node;
}

int __wrap_lab_forget(struct lab *lab, struct refusal *refusal)
{
	(void)lab;
	(void)refusal;
	forgotten = true;
	return 0;
}

void __wrap_labcorosync_forget(pid_t pid)
{
	char text[12];

	CHECK(!find(pid)); /* while it lives it needs them */
	snprintf(text, sizeof(text), "%d;", pid);
	rig_append(corosyncs, sizeof(corosyncs), text);
}

void __wrap_lab_unlock(struct lab *lab)
{
	(void)lab;
	unlocked = true;
}

/* ---- a lab of two nodes ---- */

static struct lab lab;
static struct refusal refusal;

static struct lab_task task_of(const struct process *of)
{
	return (struct lab_task){ .used = true,
				  .task = { of->pid, of->start },
				  .net = { of->inode, of->cookie } };
}

static int nobody(const char *name)
{
	(void)name;
	return -ENOENT;
}

static void begin(void)
{
	count = 0;
	unplugged = 0;
	folder = unlocked = forgotten = false;
	now_ns = OS_SECOND_NS;
	corosyncs[0] = '\0';
	refusal = REFUSAL_NONE;
	memset(&lab, 0, sizeof(lab));
	lab.lock = 3;
	rig_connect = nobody;
	add(OWN_PID, OWN_INODE, 100, "dvs\nlab\ndown\n");
	lab.hub = task_of(add(20, 2, 200, "dvs\n--lab-switch\n" LAB_GROUP "\n"));
	lab.node[0] = task_of(add(30, 3, 300, "/x/dvsd\n--group\nlocal:" LAB_GROUP "\n"));
	lab.node[1] = task_of(add(31, 4, 400, "/x/dvsd\n--group\nlocal:" LAB_GROUP "\n"));
	add(40, 3, 300, "a program of node 0\n");
	add(41, 4, 400, "a program of node 1\n");
	add(50, OWN_INODE, 100, "somebody else's\n");
	add(60, 3, 999, "in a namespace that got a number anew\n");
}

static bool all_gone(const pid_t *pids)
{
	while (*pids && !find(*pids))
		pids++;
	return !*pids;
}

static void test_one_node(void)
{
	begin();
	CHECK_EQ(labend_kill(&lab, 1u << 0, &refusal), 0);
	CHECK(all_gone((pid_t[]){ 30, 40, 0 }));
	CHECK(find(31) && find(41) && find(20) && find(OWN_PID) && find(50));
	CHECK(find(60) != NULL); /* the number is the same, the namespace is not */
	CHECK_EQ(unplugged, 1u << 0);
	CHECK_EQ(lab.node[0].task.pid, 0);
	CHECK(lab.node[0].used); /* still a node of the lab */
	CHECK_EQ(lab.node[0].net.cookie, 300);
	CHECK_EQ(lab.node[1].task.pid, 31);
}

/* The daemon has ended, and another process has its number: that one is not ours. */
static void test_number_taken(void)
{
	begin();
	find(30)->start++;
	find(30)->inode = OWN_INODE;
	CHECK_EQ(labend_kill(&lab, 1u << 0, &refusal), 0);
	CHECK(find(30) != NULL);
	CHECK(!find(40));
}

static void test_does_not_end(void)
{
	begin();
	find(41)->stubborn = true;
	CHECK_EQ(labend_kill(&lab, 1u << 0 | 1u << 1, &refusal), EDVSBUSY);
	CHECK(strstr(refusal.reason, "process 41 does not end though it was killed"));
	CHECK_EQ(unplugged, 0); /* it may be killed again */
	CHECK_EQ(lab.node[0].task.pid, 30);
	CHECK(now_ns > 5 * OS_SECOND_NS);
	begin();
	find(30)->stubborn = true;
	CHECK_EQ(labend_kill(&lab, 1u << 0, &refusal), EDVSBUSY);
	CHECK(strstr(refusal.reason, "process 30 does not end"));
}

static void test_whole_lab(void)
{
	begin();
	add(42, 2, 200, "beside the switch\n");
	find(OWN_PID)->inode = 3; /* called from inside node 0 */
	find(OWN_PID)->cookie = 300;
	CHECK_EQ(labend_remove(&lab, &refusal), 0);
	CHECK(all_gone((pid_t[]){ 20, 30, 31, 40, 41, 42, 0 }));
	CHECK(find(OWN_PID) && find(50) && find(60));
	CHECK(forgotten && !unlocked);
	/* Of another boot: its numbers mean nothing now. */
	begin();
	lab.other_boot = true;
	CHECK_EQ(labend_remove(&lab, &refusal), 0);
	CHECK(find(20) && find(30) && find(40));
	CHECK(forgotten);
	begin();
	find(40)->stubborn = true;
	CHECK_EQ(labend_remove(&lab, &refusal), EDVSBUSY);
	CHECK(unlocked && !forgotten); /* its record is needed for the next attempt */
}

/* Of Corosyncs that were ended, with a node or with the lab, nothing stays in /dev/shm. Others keep theirs. */
static void test_corosyncs(void)
{
	begin();
	add(43, 3, 300, "corosync\n-f\n");
	add(44, 4, 400, "corosync\n-f\n");
	add(45, 4, 400, "corosync-cfgtool\n-H\n");
	add(51, OWN_INODE, 100, "corosync\n-f\n");
	CHECK_EQ(labend_kill(&lab, 1u << 0, &refusal), 0);
	CHECK(!strcmp(corosyncs, "43;"));
	CHECK_EQ(labend_remove(&lab, &refusal), 0);
	CHECK(!strcmp(corosyncs, "43;44;"));
	CHECK(find(51) != NULL);
	begin();
	for (int i = 0; i < 2; i++)
		add(43 + i, 3, 300, "corosync\n-f\n");
	find(44)->stubborn = true; /* it is met again and again */
	CHECK_EQ(labend_kill(&lab, 1u << 0, &refusal), EDVSBUSY);
	CHECK_EQ(corosyncs[0], 0);
	find(44)->stubborn = false;
	CHECK_EQ(labend_kill(&lab, 1u << 0, &refusal), 0);
	CHECK(!strcmp(corosyncs, "44;"));
}

/* ---- a lab whose record is lost ---- */

static bool cleared(bool *had)
{
	return labend_clear(had, &refusal) == 0;
}

static void test_clear(void)
{
	bool had = false;

	begin();
	find(41)->words = "/x/dvs-corosync\n--socket\n" LAB_GROUP ".1\n";
	CHECK(cleared(&had) && had && forgotten);
	CHECK(all_gone((pid_t[]){ 20, 30, 31, 40, 41, 0 }));
	CHECK(find(OWN_PID) && find(50) && find(60));
	CHECK(cleared(&had) && !had); /* nothing is left */
	folder = true;
	CHECK(cleared(&had) && had);
}

/* Of those that look like the lab's: other users', in our own network, other programs, other labs. */
static void test_clear_is_careful(void)
{
	static const char *const words[] = {
		"/x/dvsd\n--group\nlocal:/tmp/other.sock\n", "/x/editor\n" LAB_GROUP "\n",
		"/x/program that gave itself a title " LAB_GROUP, /* without any end of a word */
	};
	bool had = true;

	for (unsigned i = 0; i < 5; i++) {
		struct process *candidate;

		begin();
		count = 1;
		candidate = add(30, 3, 300,
				i < 3 ? words[i] : "/x/dvsd\n--group\nlocal:" LAB_GROUP "\n");
		candidate->not_root = i == 3;
		candidate->inode = i == 4 ? OWN_INODE : 3;
		CHECK(cleared(&had) && !had);
		CHECK(find(30) != NULL);
	}
}

/* ---- in good order ---- */

static void accepts(const struct ctl_request *request)
{
	(void)request;
	find(strstr(rig->request[rig->asked - 1].name, "node0") ? 30 : 31)->gone = true;
}

static int remove_it(void)
{
	folder = true;
	rig->note[0] = labend_remove(&lab, &refusal);
	return 0;
}

static void test_asks_first(void)
{
	begin();
	find(31)->start++; /* node 1 runs no more */
	rig_connect = NULL;
	rig_daemon = accepts;
	CHECK_EQ(rig_call(remove_it), 0);
	CHECK_EQ(rig->note[0], 0);
	CHECK_EQ(rig->asked, 1);
	CHECK_EQ(rig->request[0].head.call, CTL_SHUTDOWN);
	CHECK(!strcmp(rig->request[0].name, LAB_FOLDER "/node0.sock"));
}

int main(void)
{
	TEST(test_one_node);
	TEST(test_number_taken);
	TEST(test_does_not_end);
	TEST(test_whole_lab);
	TEST(test_corosyncs);
	TEST(test_clear);
	TEST(test_clear_is_careful);
	TEST(test_asks_first);
	return test_end();
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Starting a lab's processes: their words, the order of the steps, and what each failure is called. */

#include "ctl/labnode.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/labcorosync.h"
#include "ctl/labnet.h"
#include "ctl/rig_test.h"
#include "os/child.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/netns.h"
#include "os/self.h"
#include "os/task.h"

static char steps[512];	 /* in the order in which they were taken */
static char words[2048]; /* of the last process */
static pid_t next_pid, joined;
static const char *fails; /* the step that fails */
static bool not_ready;
static int64_t now_ns;
static pid_t network;
static struct lab lab;
static struct refusal refusal;
static const char *log_text;

static int step(const char *name)
{
	rig_append(steps, sizeof(steps), name);
	rig_append(steps, sizeof(steps), " ");
	return fails && !strcmp(fails, name) ? -EPERM : 0;
}

int __wrap_os_child_hold(const struct child_plan *plan, pid_t *pidp, int *gop);
int __wrap_os_child_go(int go);
int __wrap_os_self_beside(const char *name, char *path, size_t size);
int __wrap_os_task_of(pid_t pid, struct task_id *id);
bool __wrap_os_task_alive(const struct task_id *id);
int __wrap_os_netns_of(pid_t pid, struct netns_id *id);
int __wrap_os_file_read(const char *path, char *buf, size_t size);
void __wrap_os_self_sleep_ms(unsigned ms);
int __wrap_lab_save(const struct lab *of, struct refusal *why);
pid_t __wrap_lab_network(const struct lab *of);
int __wrap_labnet_switch(const struct lab *of, struct refusal *why);
int __wrap_labnet_plug(const struct lab *of, unsigned nodes, struct refusal *why);
int __wrap_labcorosync_start(const struct lab *of, int id, struct refusal *why);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

int __wrap_os_child_hold(const struct child_plan *plan, pid_t *pidp, int *gop)
{
	words[0] = '\0';
	for (int i = 0; plan->argv[i]; i++) {
		rig_append(words, sizeof(words), plan->argv[i]);
		rig_append(words, sizeof(words), " ");
	}
	joined = plan->netns_pid;
	*pidp = next_pid++;
	*gop = dup(0);
	if (!not_ready)
		CHECK_EQ(write(plan->ready_fd, "x", 1), 1);
	return step("hold");
}

int __wrap_os_child_go(int go)
{
	close(go);
	return step("go");
}

int __wrap_os_self_beside(const char *name, char *path, size_t size)
{
	snprintf(path, size, "/bin/%s", name);
	return step("beside");
}

int __wrap_os_task_of(pid_t pid, struct task_id *id)
{
	*id = (struct task_id){ pid, 5 };
	return 0;
}

bool __wrap_os_task_alive(const struct task_id *id)
{
	return id->start == 5;
}

int __wrap_os_netns_of(pid_t pid, struct netns_id *id)
{
	*id = (struct netns_id){ (uint64_t)pid, 7 };
	return step("netns");
}

int __wrap_os_file_read(const char *path, char *buf, size_t size)
{
	(void)path;
	return log_text ? snprintf(buf, size, "%s", log_text) : -ENOENT;
}

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

static int lab_step(const char *name, struct refusal *why)
{
	return step(name) ? refusal_set(why, EDVSPERM, "%s failed", name) : 0;
}

int __wrap_lab_save(const struct lab *of, struct refusal *why)
{
	(void)of;
	return lab_step("save", why);
}

pid_t __wrap_lab_network(const struct lab *of)
{
	(void)of;
	return network;
}

int __wrap_labnet_switch(const struct lab *of, struct refusal *why)
{
	(void)of;
	network = 1;
	return lab_step("switch", why);
}

int __wrap_labnet_plug(const struct lab *of, unsigned nodes, struct refusal *why)
{
	char name[32];

	(void)of;
	snprintf(name, sizeof(name), "plug%x", nodes);
	return lab_step(name, why);
}

int __wrap_labcorosync_start(const struct lab *of, int id, struct refusal *why)
{
	char name[32];

	CHECK(of->node[id].task.pid > 0); /* its network is that of the daemon, which is held */
	snprintf(name, sizeof(name), "corosync%d", id);
	return lab_step(name, why);
}

/* ---- the daemons that answer ---- */

static struct ctl_node_status status;

static void answers(const struct ctl_request *request)
{
	CHECK_EQ(request->call, CTL_STATUS);
	rig_end_with(&status, sizeof(status));
}

static void begin(void)
{
	memset(&lab, 0, sizeof(lab));
	lab.lock = 3;
	steps[0] = words[0] = '\0';
	fails = log_text = NULL;
	not_ready = false;
	next_pid = 1000;
	network = 0;
	refusal = REFUSAL_NONE;
	now_ns = OS_SECOND_NS;
	status = (struct ctl_node_status){ .nodes_up = 2, .links_up = 1 };
	rig_daemon = answers;
}

static unsigned wanted;

static int start(void)
{
	int r = labnode_start(&lab, wanted, 2000, &refusal);

	/* The process is another one: tell the test what it saw. */
	rig->note[0] = r;
	rig->note[1] = (int)labnode_running(&lab);
	rig->note[2] = lab.node[1].task.pid;
	rig->note[3] = (int)(now_ns / OS_MS_NS);
	printf("%s\n%s\n", steps, words);
	fprintf(stderr, "%s\n", refusal.reason);
	snprintf(rig->text, sizeof(rig->text), "%s", steps);
	return test_failures != 0;
}

static int start_switch(void)
{
	rig->note[0] = labnode_start_switch(&lab, &refusal);
	rig->note[1] = joined;
	snprintf(rig->text, sizeof(rig->text), "%s", steps);
	printf("%s\n", words);
	return test_failures != 0;
}

static void test_sets(void)
{
	begin();
	lab.node[1].used = lab.node[3].used = lab.node[4].used = true;
	lab.node[1].task = (struct task_id){ 9, 5 };
	lab.node[3].task = (struct task_id){ 9, 6 }; /* its number is another process's now */
	CHECK_EQ(labnode_all(&lab), 1u << 1 | 1u << 3 | 1u << 4);
	CHECK_EQ(labnode_running(&lab), 1u << 1);
}

static void test_started(void)
{
	begin();
	wanted = 3;
	CHECK_EQ(rig_call(start), 0);
	CHECK_EQ(rig->note[0], 0);
	CHECK_EQ(rig->note[1], 3);
	CHECK_EQ(rig->note[2], 1001);
	/* Recorded before anything of it runs; then the cables, then all together. */
	CHECK(!strcmp(rig->text, "beside hold netns beside hold netns save plug3 go go "));
	CHECK(rig_said(
		"/bin/dvsd --id 1 --name node1 --address 10.77.0.2 --port 7700 --socket " LAB_FOLDER
		"/node1.sock --group local:" LAB_GROUP " --key " LAB_KEY
		" --carried " LAB_CARRIED_FOLDER "/"));
	CHECK(rig_said("-node1 --ready-fd "));
	CHECK(!strstr(rig->out, "--log-bytes"));
	CHECK_EQ(rig->asked, 2); /* each of them sees all */
	lab.log_bytes = 5000;
	wanted = 1;
	status.nodes_up = 1;
	status.links_up = 0;
	CHECK_EQ(rig_call(start), 0);
	CHECK_EQ(rig->note[0], 0);
	CHECK(rig_said("--log-bytes 5000 "));
	lab.plain = true;
	CHECK_EQ(rig_call(start), 0);
	CHECK(rig_said("--links plain "));
	CHECK(!strstr(rig->out, "--key"));
}

/* Each node has a Corosync, which joins the network of its daemon before that is let go; no sequencer. */
static void test_corosync(void)
{
	begin();
	lab.corosync = true;
	wanted = 1 << 1;
	status.nodes_up = 1;
	status.links_up = 0;
	CHECK_EQ(rig_call(start), 0);
	CHECK_EQ(rig->note[0], 0);
	CHECK(!strcmp(rig->text, "beside hold netns save plug2 corosync1 go "));
	CHECK(rig_said("--group corosync:" LAB_GROUP ".1 "));
	fails = "corosync1";
	CHECK_EQ(rig_call(start), 0);
	CHECK_EQ(rig->note[0], EDVSPERM);
	CHECK(!strcmp(rig->text, "beside hold netns save plug2 corosync1 "));
	begin();
	lab.corosync = true;
	CHECK_EQ(rig_call(start_switch), 0);
	CHECK_EQ(rig->note[0], 0);
	CHECK(!strcmp(rig->text, "beside hold netns save switch go "));
}

static void test_failures_of_steps(void)
{
	static const struct {
		const char *step;
		int error;
		const char *sentence, *last;
	} failure[] = {
		{ "beside", EDVSNOENT, "dvsd is not beside this program", "beside " },
		{ "hold", EDVSGENERIC, "no network namespace for /bin/dvsd", "beside hold " },
		{ "netns", EDVSGENERIC, "no network namespace for /bin/dvsd",
		  "beside hold netns " },
		{ "save", EDVSPERM, "save failed", "beside hold netns save " },
		{ "plug1", EDVSPERM, "plug1 failed", "beside hold netns save plug1 " },
		{ "go", EDVSNOEXEC, "the daemon of node 0 cannot be executed",
		  "beside hold netns save plug1 go " },
	};

	wanted = 1;
	for (unsigned i = 0; i < sizeof(failure) / sizeof(failure[0]); i++) {
		begin();
		fails = failure[i].step;
		CHECK_EQ(rig_call(start), 0);
		CHECK_EQ(rig->note[0], failure[i].error);
		CHECK(rig_wrong(failure[i].sentence));
		CHECK(!strcmp(rig->text, failure[i].last)); /* nothing after it */
	}
}

static void test_not_ready(void)
{
	begin();
	wanted = 1;
	not_ready = true;
	CHECK_EQ(rig_call(start), 0);
	CHECK_EQ(rig->note[0], EDVSDVSINIT);
	CHECK(rig_wrong("the daemon of node 0 ended at its start: see " LAB_FOLDER "/node0.log"));
	log_text = "a line\nthe port is taken\n\n";
	CHECK_EQ(rig_call(start), 0);
	CHECK(rig_wrong("ended at its start: the port is taken\n"));
	log_text = "one line only";
	CHECK_EQ(rig_call(start), 0);
	CHECK(rig_wrong("ended at its start: one line only\n"));
}

/* They run, and do not find each other in the time that there is. */
static void test_no_links(void)
{
	begin();
	wanted = 3;
	status.links_up = 0;
	CHECK_EQ(rig_call(start), 0);
	CHECK_EQ(rig->note[0], EDVSTIMEDOUT);
	CHECK(rig_wrong("node 0 does not see all 2 nodes"));
	CHECK(rig->note[3] >= 3000 && rig->note[3] < 3100);
	status.links_up = 1;
	status.nodes_up = 1;
	CHECK_EQ(rig_call(start), 0);
	CHECK_EQ(rig->note[0], EDVSTIMEDOUT);
}

/* The first of the two has the network made, the second joins it. */
static void test_switch(void)
{
	begin();
	CHECK_EQ(rig_call(start_switch), 0);
	CHECK_EQ(rig->note[0], 0);
	CHECK_EQ(rig->note[1], 1);
	CHECK(!strcmp(rig->text, "beside hold netns save switch go beside hold netns save go "));
	CHECK(rig_said("/bin/dvs-sequencer --socket " LAB_GROUP " --ready-fd "));
	begin();
	fails = "switch";
	CHECK_EQ(rig_call(start_switch), 0);
	CHECK_EQ(rig->note[0], EDVSPERM);
	CHECK(!strcmp(rig->text, "beside hold netns save switch "));
}

int main(void)
{
	TEST(test_sets);
	TEST(test_started);
	TEST(test_failures_of_steps);
	TEST(test_not_ready);
	TEST(test_no_links);
	TEST(test_switch);
	TEST(test_corosync);
	return test_end();
}

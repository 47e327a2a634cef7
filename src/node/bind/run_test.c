/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvs run: refusals before anything is started, and the end of a run wherever it fails after that. The init of the DC
 * is not there: each question to it is noted, and the test answers.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "node/ask/door.h"
#include "node/bind/backup.h"
#include "node/bind/bind_rig_test.h"
#include "node/calls.h"
#include "node/task/init.h"
#include "node/task/output.h"
#include "os/sleeper_test.h"

#define SLOT 6
#define USED 7
#define FAR  8

static struct {
	unsigned spawns, goes;
	dc_init_done *done;
	void *ctx;
	char last_env[64]; /* of the last spawn */
	uid_t uid;
	int vpid; /* of the last go */
	int r;	  /* of the questions */
} init;
static pid_t child;

/* In place of the init's. */
int dc_init_start(struct dc_init **initp, struct os_loop *loop, int dcid, int nodeid,
		  const struct dc_init_events *events)
{
	(void)loop;
	(void)dcid;
	(void)nodeid;
	(void)events;
	*initp = (struct dc_init *)&init;
	return 0;
}

struct dc_init *dc_init_adopt(struct os_loop *loop, int dcid, const struct dc_init_place *place,
			      const struct dc_init_events *events, bool after_death)
{
	(void)after_death;
	(void)loop;
	(void)dcid;
	(void)place;
	(void)events;
	return NULL;
}

struct dc_init *dc_init_free(struct dc_init *freed)
{
	(void)freed;
	return NULL;
}

int dc_init_spawn(struct dc_init *asked, const struct dc_spawn *spawn, dc_init_done *done,
		  void *ctx)
{
	char *const *env = spawn->envp;

	(void)asked;
	init.spawns++;
	init.done = done;
	init.ctx = ctx;
	init.uid = spawn->uid;
	for (; *env; env++)
		snprintf(init.last_env, sizeof(init.last_env), "%s", *env);
	return init.r;
}

int dc_init_go(struct dc_init *asked, int vpid, dc_init_done *done, void *ctx)
{
	(void)asked;
	init.goes++;
	init.vpid = vpid;
	init.done = done;
	init.ctx = ctx;
	return init.r;
}

const char *door_path(const struct door *door)
{
	(void)door;
	return "/run/door";
}

static void set_up(void)
{
	rig_begin();
	memset(&init, 0, sizeof(init));
	rig.bindings.log_bytes = OUTPUT_LEAST;
	child = sleeper();
	rig_bound(USED, RIG_SELF);
	rig_bound(FAR, RIG_FAR);
}

static void tear_down(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	rig_end();
}

static struct request *asked(int p_nr, int cmd, unsigned flags, uint32_t log_bytes)
{
	static const char strings[] = "/bin/name\0A=1\0/tmp";
	struct request *request = rig_ask(CTL_RUN, p_nr);
	struct ctl_run head = { .argc = 1, .envc = 1, .log_bytes = log_bytes };

	request->head.cmd = cmd;
	request->head.flags = flags;
	request->head.payload_bytes = sizeof(head) + sizeof(strings);
	request->payload = malloc(sizeof(head) + sizeof(strings));
	memcpy(request->payload, &head, sizeof(head));
	memcpy(request->payload + sizeof(head), strings, sizeof(strings));
	request->uid = RIG_OWNER;
	return request;
}

static int run(int p_nr, int cmd, unsigned flags)
{
	return rig_run(handle_run, asked(p_nr, cmd, flags, 0));
}

/* The init's answer: the child, which waits; or why there is none. */
static void answer(int error)
{
	struct dc_init_answer told = { .error = error, .pidfd = -1 };

	if (error)
		refusal_set(&told.why, EDVSNOENT, "there is no such program");
	else
		told = (struct dc_init_answer){ .vpid = 1002,
						.lpid = child,
						.pidfd = os_pidfd_open(child, false) };
	init.done(init.ctx, &told);
}

static bool is_killed(void)
{
	int fd = os_pidfd_open(child, false);
	bool ended = os_poll(fd, OS_READ, 5000) == 0;

	os_close(fd);
	return ended;
}

/* It begins nothing while it is emptied, not even the process of a free slot. */
static void test_an_emptied_node(void)
{
	set_up();
	rig.bindings.emptied = 1;
	CHECK_EQ(run(SLOT, SELF_BIND, 0), EDVSRSCBUSY);
	CHECK_EQ(run(NONE, SELF_BIND, CTL_FLAG_UNBOUND), EDVSRSCBUSY);
	CHECK_EQ(init.spawns, 0);
	rig.bindings.emptied = 0;
	tear_down();
}

static void test_slots(void)
{
	struct directory_dc *dc = &rig.order.directory.dc[RIG_DC];
	struct request *request;

	set_up();
	CHECK_EQ(run(20, SELF_BIND, 0), EDVSRANGE);
	CHECK_EQ(run(-5, SELF_BIND, 0), EDVSRANGE);
	CHECK_EQ(run(NONE, SELF_BIND, 0), EDVSRANGE);
	CHECK_EQ(run(USED, SELF_BIND, 0), EDVSSLOTUSED);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC); /* it had asked before it said so */
	CHECK_EQ(run(FAR, SELF_BIND, 0), EDVSSLOTUSED);
	request = asked(SLOT, SELF_BIND, 0, 0);
	request->head.dcid = SHM_DCS;
	CHECK_EQ(rig_run(handle_run, request), EDVSBADDCID);
	dc->nodes = 1 << RIG_FAR;
	rig.sent.kind = COMMAND_NONE;
	CHECK_EQ(run(NONE, SELF_BIND, CTL_FLAG_UNBOUND), EDVSNODCNODE);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC);
	dc->running = 0;
	CHECK_EQ(run(SLOT, SELF_BIND, 0), EDVSDCNOTRUN);
	CHECK_EQ(run(NONE, SELF_BIND, CTL_FLAG_UNBOUND), EDVSDCNOTRUN);
	CHECK_EQ(init.spawns, 0);
	tear_down();
}

static int run_backup(int p_nr, int primary)
{
	struct request *request = asked(p_nr, BKUP_BIND, 0, 0);

	request->head.nodeid = primary;
	return rig_run(handle_run, request);
}

static void test_the_primary_of_a_backup(void)
{
	set_up();
	CHECK_EQ(run_backup(FAR, RIG_SELF), EDVSBADNODEID);
	CHECK_EQ(run_backup(FAR, NR_NODES), EDVSBADNODEID);
	rig.sent.kind = COMMAND_NONE;
	CHECK_EQ(run_backup(FAR, 5), EDVSNODCNODE);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC);
	CHECK_EQ(init.spawns, 0);
	/* Whether it has one is known when there is a process. */
	CHECK_EQ(run_backup(SLOT, RIG_FAR), 1);
	answer(0);
	CHECK_EQ(rig.answer.error, EDVSNOTBIND);
	CHECK(is_killed());
	tear_down();
}

static int with_head(uint32_t argc, uint32_t envc, uint32_t bytes)
{
	struct request *request = asked(SLOT, SELF_BIND, 0, 0);
	struct ctl_run head = { .argc = argc, .envc = envc };

	memcpy(request->payload, &head, sizeof(head));
	request->head.payload_bytes = bytes;
	return rig_run(handle_run, request);
}

/* The counts and the bytes are the asker's. */
static void test_arguments(void)
{
	uint32_t all = sizeof(struct ctl_run) + sizeof("/bin/name\0A=1\0/tmp");

	set_up();
	CHECK_EQ(with_head(0, 1, all), EDVSBADREQUEST);
	CHECK_EQ(with_head(1, 2, all), EDVSBADREQUEST);
	CHECK_EQ(with_head(UINT32_MAX, 1, all), EDVSBADREQUEST);
	CHECK_EQ(with_head(1, UINT32_MAX, all), EDVSBADREQUEST);
	CHECK_EQ(with_head(1, 1, all - 1), EDVSBADREQUEST); /* no end */
	CHECK_EQ(with_head(1, 1, sizeof(struct ctl_run) - 1), EDVSBADREQUEST);
	CHECK_EQ(with_head(1, 1, 1), EDVSBADREQUEST);
	CHECK_EQ(rig_run(handle_run, asked(SLOT, SELF_BIND, 0, OUTPUT_LEAST - 1)), EDVSINVAL);
	CHECK_EQ(rig_run(handle_run, asked(SLOT, SELF_BIND, 0, OUTPUT_MOST + 1)), EDVSINVAL);
	CHECK(strstr(rig.answer.sentence, "the log of a process keeps"));
	CHECK_EQ(init.spawns, 0);
	tear_down();
}

static void test_a_run(void)
{
	const struct ctl_run_row *row = (const struct ctl_run_row *)rig.answer.row;
	struct binding *binding;

	set_up();
	CHECK_EQ(run(SLOT, SELF_BIND, 0), 1);
	CHECK_EQ(init.spawns, 1);
	CHECK_EQ(init.uid, RIG_OWNER);
	CHECK(!strcmp(init.last_env, CTL_SOCKET_VARIABLE "=/run/door"));
	CHECK_EQ(rig.proposals, 0); /* there is nothing to bind yet */
	answer(0);
	CHECK_EQ(rig.sent.kind, COMMAND_BIND);
	CHECK_EQ(rig.sent.lpid, child);
	CHECK_EQ(rig.sent.vpid, 1002);
	CHECK_EQ(rig.sent.misc, MIS_GRPLEADER);
	CHECK(!strcmp(rig.sent.name, "name"));
	CHECK_EQ(init.goes, 0); /* it waits for its binding */
	CHECK_EQ(rig_apply(), 0);
	binding = binding_find(&rig.bindings, RIG_DC, SLOT);
	CHECK_OR_RETURN(binding);
	CHECK(binding->task->managed);
	CHECK(binding->task->output);
	CHECK_EQ(init.goes, 1);
	CHECK_EQ(init.vpid, 1002);
	CHECK_EQ(rig.answer.ends, 0);
	answer(0);
	CHECK_EQ(rig.answer.error, 0);
	CHECK_EQ(rig.answer.value, SLOT);
	CHECK_EQ(rig.answer.rows, 1);
	CHECK_EQ(row->lpid, child);
	CHECK_EQ(row->endpoint, SLOT);
	CHECK_EQ(row->serves, 1);
	CHECK_EQ(binding->task->kept, 0);
	tear_down();
}

static void test_the_init_fails(void)
{
	set_up();
	CHECK_EQ(run(SLOT, SELF_BIND, 0), 1);
	answer(5);
	CHECK_EQ(rig.answer.error, EDVSNOENT);
	CHECK(!strcmp(rig.answer.sentence, "there is no such program"));
	CHECK(!rig.tasks.all);
	init.r = -ETIMEDOUT;
	CHECK_EQ(run(SLOT, SELF_BIND, 0), EDVSTIMEDOUT);
	CHECK_EQ(rig.proposals, 0);
	tear_down();
}

/* The order refuses it: the process ends before it has executed anything. */
static void test_a_slot_that_is_taken_meanwhile(void)
{
	set_up();
	CHECK_EQ(run(SLOT, SELF_BIND, 0), 1);
	answer(0);
	rig_decide(EDVSSLOTUSED);
	CHECK_EQ(rig.answer.error, EDVSSLOTUSED);
	CHECK(is_killed());
	CHECK_EQ(init.goes, 0);
	CHECK(!rig.bindings.all);
	tear_down();
}

/* It ends before its binding comes: nobody's, so the order is asked to end that. */
static void test_a_process_that_ends_meanwhile(void)
{
	set_up();
	CHECK_EQ(run(SLOT, SELF_BIND, 0), 1);
	answer(0);
	CHECK_OR_RETURN(rig.tasks.all);
	task_end(rig.tasks.all);
	CHECK_EQ(rig_apply(), 0);
	CHECK_EQ(rig.answer.error, EDVSSRCDIED);
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	CHECK_EQ(rig.sent.flags, COMMAND_FLAG_DIED);
	tear_down();
}

/* It cannot be executed: it is refused when the slot is free again, and nothing is kept of it. */
static void test_a_program_that_cannot_be_executed(void)
{
	set_up();
	CHECK_EQ(run(SLOT, SELF_BIND, 0), 1);
	answer(0);
	CHECK_EQ(rig_apply(), 0);
	answer(2);
	CHECK_EQ(rig.answer.ends, 0);
	CHECK(is_killed());
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	CHECK_EQ(rig.sent.generation, rig_slot(SLOT)->generation);
	CHECK_OR_RETURN(rig.tasks.all);
	CHECK(rig.tasks.all->forgotten);
	rig_decide(0);
	CHECK_EQ(rig.answer.error, EDVSNOENT);
	tear_down();
}

/* The same where the init cannot be asked any more. */
static void test_an_init_that_ends_meanwhile(void)
{
	set_up();
	CHECK_EQ(run(SLOT, SELF_BIND, 0), 1);
	answer(0);
	init.r = -ECONNRESET;
	CHECK_EQ(rig_apply(), 0);
	CHECK(is_killed());
	CHECK_EQ(rig.sent.kind, COMMAND_UNBIND);
	rig_decide(0);
	CHECK_EQ(rig.answer.error, EDVSNOEXEC);
	tear_down();
}

/* The program binds itself: the order hears nothing of it so far. */
static void test_an_unbound_one(void)
{
	const struct ctl_run_row *row = (const struct ctl_run_row *)rig.answer.row;

	set_up();
	CHECK_EQ(run(NONE, SELF_BIND, CTL_FLAG_UNBOUND), 1);
	answer(0);
	CHECK_EQ(init.goes, 1);
	answer(0);
	CHECK_EQ(rig.answer.error, 0);
	CHECK_EQ(row->endpoint, NONE);
	CHECK_EQ(rig.proposals, 0);
	tear_down();
}

/* A backup is of this node alone. */
static void test_a_backup(void)
{
	struct binding *backup;

	set_up();
	CHECK_EQ(run_backup(FAR, RIG_FAR), 1);
	answer(0);
	CHECK_EQ(rig.proposals, 0);
	CHECK_EQ(init.goes, 1);
	backup = backup_find(&rig.bindings, RIG_DC, FAR);
	CHECK_OR_RETURN(backup);
	CHECK(!strcmp(backup->name, "name"));
	answer(2);
	CHECK(!backup_find(&rig.bindings, RIG_DC, FAR));
	CHECK_EQ(rig.answer.error, EDVSNOENT);
	CHECK(is_killed());
	tear_down();
}

int main(void)
{
	TEST(test_an_emptied_node);
	TEST(test_slots);
	TEST(test_the_primary_of_a_backup);
	TEST(test_arguments);
	TEST(test_a_run);
	TEST(test_the_init_fails);
	TEST(test_a_slot_that_is_taken_meanwhile);
	TEST(test_a_process_that_ends_meanwhile);
	TEST(test_a_program_that_cannot_be_executed);
	TEST(test_an_init_that_ends_meanwhile);
	TEST(test_an_unbound_one);
	TEST(test_a_backup);
	return test_end();
}

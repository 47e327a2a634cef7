/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/landlock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/kernel.h"

#define LAYERS		16 /* LANDLOCK_MAX_NUM_LAYERS of all kernels so far */
#define STOP_TIMEOUT_US 1000000
#define FLAGS                                                                               \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
	 CLONE_PTRACE)

static int refuse(struct refusal *refusal, const char *why)
{
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process cannot prove that Landlock does not restrict it, and a "
			   "restriction would not be carried: %s",
			   why);
}

struct finder {
	const struct inventory *inventory;
	pid_t found;
};

static int take_unknown(void *ctx, const char *name)
{
	struct finder *finder = ctx;
	pid_t tid = (pid_t)strtol(name, NULL, 10);

	for (uint32_t i = 0; i < finder->inventory->thread_count; i++) {
		if (finder->inventory->thread[i].tid == tid)
			return 0;
	}
	finder->found = tid;
	return 0;
}

/* The new thread starts stopped and traced. */
static int make_prover(struct calls *calls, const struct inventory *inventory,
		       struct tracee *prover, struct refusal *refusal)
{
	struct finder finder = { .inventory = inventory };
	uint64_t args[11] = { FLAGS };

	assert(!prover->held);
	calls_begin(calls, calls->foothold, calls->tracee);
	calls_room(calls, 1, sizeof(args));
	struct remote_ptr address = calls_put(calls, args, sizeof(args));

	calls_add(calls, "make a thread", CALL_OK, SYS_clone3, address.at, sizeof(args));
	int r = calls_run(calls);

	if (r == CALLS_E_FAILED)
		return refuse(refusal, strerror((int)-calls->failed_result));
	if (r)
		return calls_refuse(calls, r, "the process", refusal);
	procdir_each(inventory->dir, "task", take_unknown, &finder);
	*prover = (struct tracee){ .tid = finder.found, .held = finder.found > 0 };
	r = finder.found ? tracee_await_stop(prover, STOP_TIMEOUT_US) : -ESRCH;
	if (r == 0)
		r = tracee_borrow(prover);
	return r ? refuse(refusal, tracee_result_text(r)) : 0;
}

/* How many domains could be added; negative: none could even be made. */
static int add_domains(struct calls *calls, struct tracee *prover)
{
	struct landlock_ruleset_attr rules = { .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE };
	const struct foothold *foothold = calls->foothold;
	uint32_t layer[LAYERS];
	int added = 0;

	assert(prover->borrowed);
	calls_begin(calls, foothold, prover);
	calls_room(calls, 2, 64);
	struct remote_ptr address = calls_put(calls, &rules, sizeof(rules));

	calls_add(calls, "give up new privileges", CALL_ANY, SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0,
		  0, 0);
	uint32_t made = calls_add(calls, "make a ruleset", CALL_ANY, SYS_landlock_create_ruleset,
				  address.at, sizeof(rules.handled_access_fs), 0);
	int r = calls_run(calls);

	if (r)
		return -ESRCH;
	int64_t fd = calls_result(calls, made);

	if (fd < 0)
		return (int)fd;
	calls_room(calls, LAYERS + 1, 0);
	for (unsigned i = 0; i < LAYERS; i++)
		layer[i] = calls_add(calls, "restrict itself", CALL_ANY, SYS_landlock_restrict_self,
				     (uint64_t)fd, 0);
	calls_add(calls, "close the ruleset", CALL_ANY, SYS_close, (uint64_t)fd);
	if (calls_run(calls))
		return -ESRCH;
	for (unsigned i = 0; i < LAYERS; i++)
		added += calls_result(calls, layer[i]) == 0;
	assert(added <= LAYERS);
	return added;
}

int landlock_prove_none(struct calls *calls, const struct inventory *inventory,
			struct refusal *refusal)
{
	struct tracee prover = { 0 };
	const uint64_t none[6] = { 0 };
	int64_t ignored;
	int r = make_prover(calls, inventory, &prover, refusal);

	if (r) {
		tracee_release(&prover);
		return r;
	}
	int added = add_domains(calls, &prover);

	tracee_syscall(&prover, foothold_syscall(calls->foothold), SYS_exit, none, &ignored);
	if (added == LAYERS)
		return 0;
	if (added < 0)
		return refuse(refusal, strerror(-added));
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process is restricted by Landlock, which is not carried");
}

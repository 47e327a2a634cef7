/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/peculiar.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/machine.h"
#include "os/kernel.h"

#define SCHED_CORE	 62 /* PR_SCHED_CORE; 0: get, of one thread */
#define KEY_DEFAULT_ASK	 (~0ull)
#define SELECTOR_CODE	 0x33
#define SELECTOR_DATA	 0x2b
#define SELECTOR_NULLS	 4 /* below this no descriptor is meant */
#define LANDLOCK_VERSION 1 /* LANDLOCK_CREATE_RULESET_VERSION */
#define INIT_PID	 1

/* Settings that are carried, by the answers that tell of one; or that must have their ordinary value. */
static const struct ordinary {
	long number;
	uint64_t args[2];
	int64_t ordinary; /* else it is refused, if it is not carried */
	const char *refused;
	struct {
		int64_t answer;
		uint32_t setting;
	} carried[2];
} ordinaries[PECULIAR_ORDINARIES] = {
	{ SYS_prctl,
	  { PR_MCE_KILL_GET, 0 },
	  PR_MCE_KILL_DEFAULT,
	  "has an unknown memory failure policy (PR_MCE_KILL)",
	  { { PR_MCE_KILL_EARLY, IMAGE_THREAD_MCE_EARLY },
	    { PR_MCE_KILL_LATE, IMAGE_THREAD_MCE_LATE } } },
	{ SYS_prctl,
	  { PR_GET_IO_FLUSHER, 0 },
	  0,
	  "is marked as part of the I/O path (PR_SET_IO_FLUSHER) in an unknown way",
	  { { 1, IMAGE_THREAD_IO_FLUSHER } } },
	{ SYS_arch_prctl,
	  { ARCH_GET_CPUID, 0 },
	  1,
	  "has switched off the CPUID instruction in an unknown way",
	  { { 0, IMAGE_THREAD_NO_CPUID } } },
	{ SYS_keyctl,
	  { KEYCTL_SET_REQKEY_KEYRING, KEY_DEFAULT_ASK },
	  KEY_REQKEY_DEFL_DEFAULT,
	  "has chosen a keyring for keys it asks for (KEYCTL_SET_REQKEY_KEYRING)",
	  { { 0 } } },
};

static const struct keyring {
	int32_t id;
	const char *name;
} keyrings[PECULIAR_KEYRINGS] = {
	{ KEY_SPEC_THREAD_KEYRING, "thread" },
	{ KEY_SPEC_PROCESS_KEYRING, "process" },
	{ KEY_SPEC_SESSION_KEYRING, "session" },
};

/* The leader's is read once, and then that of each other thread which has not ended. */
static int check_link(struct inventory *inventory, const char *kind, struct refusal *refusal)
{
	char name[64], own[64], leader[64];

	snprintf(name, sizeof(name), "ns/%s", kind);
	if (procdir_link(inventory->dir, name, leader, sizeof(leader)) < 0)
		return 0;
	for (uint32_t i = 1; i < inventory->thread_count; i++) {
		int tid = (int)inventory->thread[i].tid;

		snprintf(name, sizeof(name), "task/%d/ns/%s", tid, kind);
		if (inventory->thread[i].ended ||
		    procdir_link(inventory->dir, name, own, sizeof(own)) < 0 ||
		    strcmp(own, leader) == 0)
			continue;
		return refusal_set(refusal, EDVSPROCSTS,
				   "thread %d has a %s namespace of its own, which is not carried",
				   tid, kind);
	}
	return 0;
}

static int check_text(struct inventory *inventory, const char *file, const char *what,
		      struct refusal *refusal)
{
	char name[64];

	if (procdir_read(inventory->dir, file, &inventory->more) < 0)
		return 0;
	for (uint32_t i = 1; i < inventory->thread_count; i++) {
		int tid = (int)inventory->thread[i].tid;

		snprintf(name, sizeof(name), "task/%d/%s", tid, file);
		if (inventory->thread[i].ended ||
		    procdir_read(inventory->dir, name, &inventory->text) < 0 ||
		    strcmp(inventory->text.text, inventory->more.text) == 0)
			continue;
		return refusal_set(refusal, EDVSPROCSTS, "thread %d %s, which is not carried", tid,
				   what);
	}
	return 0;
}

int peculiar_check_outside(struct inventory *inventory, struct refusal *refusal)
{
	static const char *const kinds[] = { "mnt",
					     "net",
					     "ipc",
					     "uts",
					     "user",
					     "cgroup",
					     "pid",
					     "time",
					     "pid_for_children",
					     "time_for_children" };
	static const struct {
		const char *file, *what;
	} same[] = {
		{ "personality", "has a personality of its own" },
		{ "cgroup", "is in a control group of its own" },
		{ "attr/current", "has a security label of its own" },
	};
	int r = 0;

	if (inventory->thread_count < 2)
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && r == 0; i++)
		r = check_link(inventory, kinds[i], refusal);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]) && r == 0; i++)
		r = check_text(inventory, same[i].file, same[i].what, refusal);
	return r;
}

int peculiar_check_status(const char *leader, const char *own, pid_t tid, struct refusal *refusal)
{
	static const char *const rows[] = { "Speculation_Store_Bypass",
					    "SpeculationIndirectBranch" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *of_leader = procdir_field(leader, rows[i]);
		const char *of_thread = procdir_field(own, rows[i]);
		size_t length = of_leader ? strcspn(of_leader, "\n") + 1 : 0;

		if (of_leader && of_thread && strncmp(of_leader, of_thread, length))
			return refusal_set(refusal, EDVSPROCSTS,
					   "thread %d has changed its speculation control "
					   "(PR_SET_SPECULATION_CTRL), which is not carried",
					   (int)tid);
	}
	return 0;
}

void peculiar_ask(struct calls *calls, struct peculiar_questions *q)
{
	for (unsigned i = 0; i < PECULIAR_ORDINARIES; i++)
		q->ordinary[i] = calls_append(
			calls, "read its settings", CALL_ANY, 0, ordinaries[i].number,
			(const uint64_t[6]){ ordinaries[i].args[0], ordinaries[i].args[1] });
	q->tsc = calls_space(calls, sizeof(int));
	calls_add(calls, "read its settings", CALL_OK, SYS_prctl, PR_GET_TSC, q->tsc.at);
	q->policy = calls_space(calls, sizeof(int));
	q->policy_call = calls_add(calls, "read its memory policy", CALL_ANY, SYS_get_mempolicy,
				   q->policy.at, 0, 0, 0, 0);
	q->cookie = calls_space(calls, sizeof(uint64_t));
	q->cookie_call = calls_add(calls, "read its settings", CALL_ANY, SYS_prctl, SCHED_CORE, 0,
				   0, 0, q->cookie.at);
	/* How many bytes of key numbers a keyring has; it is not made by asking. */
	for (unsigned i = 0; i < PECULIAR_KEYRINGS; i++)
		q->keyring[i] = calls_add(calls, "read its keyrings", CALL_ANY, SYS_keyctl,
					  KEYCTL_READ, (uint64_t)keyrings[i].id, 0, 0);
	q->session = calls_add(calls, "read its keyrings", CALL_ANY, SYS_keyctl,
			       KEYCTL_GET_KEYRING_ID, (uint64_t)KEY_SPEC_SESSION_KEYRING, 0);
	q->user_session =
		calls_add(calls, "read its keyrings", CALL_ANY, SYS_keyctl, KEYCTL_GET_KEYRING_ID,
			  (uint64_t)KEY_SPEC_USER_SESSION_KEYRING, 0);
	q->landlock_version = calls_add(calls, "ask for Landlock", CALL_ANY,
					SYS_landlock_create_ruleset, 0, 0, LANDLOCK_VERSION);
	q->compare = calls_add(calls, "ask for Landlock", CALL_ANY, SYS_kcmp, INIT_PID, INIT_PID,
			       KCMP_VM, 0, 0);
}

/* The session keyring that the system gives to all processes of a user is none of the process's. */
static int check_keyrings(const struct calls *calls, const struct peculiar_questions *q,
			  int32_t vtid, struct refusal *refusal)
{
	int64_t session = calls_result(calls, q->session);
	int64_t own = os_session_keyring();

	for (unsigned i = 0; i < PECULIAR_KEYRINGS; i++) {
		int64_t bytes = calls_result(calls, q->keyring[i]);

		if (bytes <= 0 && bytes != -EACCES)
			continue;
		if (keyrings[i].id == KEY_SPEC_SESSION_KEYRING && session > 0 &&
		    (session == own || session == calls_result(calls, q->user_session)))
			continue;
		return refusal_set(refusal, EDVSPROCSTS,
				   "thread %d has keys in its %s keyring, which are not carried",
				   (int)vtid, keyrings[i].name);
	}
	return 0;
}

/* An error says that the kernel does not know the setting. */
static int take_setting(const struct ordinary *ordinary, int64_t answer, int32_t vtid,
			uint32_t *settings, struct refusal *refusal)
{
	if (answer < 0 || answer == ordinary->ordinary)
		return 0;
	for (unsigned i = 0; i < 2 && ordinary->carried[i].setting; i++) {
		if (ordinary->carried[i].answer != answer)
			continue;
		*settings |= ordinary->carried[i].setting;
		return 0;
	}
	assert(ordinary->refused);
	return refusal_set(refusal, EDVSPROCSTS, "thread %d %s, which is not carried", (int)vtid,
			   ordinary->refused);
}

/* In the strict mode of seccomp it is off by itself. */
static int take_counter(int tsc, int32_t vtid, bool is_strict, uint32_t *settings,
			struct refusal *refusal)
{
	if (tsc == PR_TSC_SIGSEGV) {
		*settings |= is_strict ? 0 : IMAGE_THREAD_NO_TSC;
		return 0;
	}
	if (tsc == PR_TSC_ENABLE && !is_strict)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "thread %d has the time-stamp counter switched on in the strict mode "
			   "of seccomp, which is not carried",
			   (int)vtid);
}

int peculiar_check(struct calls *calls, const struct peculiar_questions *q, int32_t vtid,
		   bool is_strict, uint32_t *settings, struct refusal *refusal)
{
	uint64_t cookie;
	int policy, tsc, r = 0;

	*settings = 0;
	for (unsigned i = 0; i < PECULIAR_ORDINARIES && r == 0; i++)
		r = take_setting(&ordinaries[i], calls_result(calls, q->ordinary[i]), vtid,
				 settings, refusal);
	memcpy(&tsc, calls_at(calls, q->tsc), sizeof(tsc));
	if (r == 0)
		r = take_counter(tsc, vtid, is_strict, settings, refusal);
	if (r)
		return r;
	memcpy(&policy, calls_at(calls, q->policy), sizeof(policy));
	memcpy(&cookie, calls_at(calls, q->cookie), sizeof(cookie));
	if (calls_result(calls, q->policy_call) == 0 && policy)
		return refusal_set(refusal, EDVSPROCSTS,
				   "thread %d has a NUMA memory policy, which is not carried",
				   (int)vtid);
	if (calls_result(calls, q->cookie_call) == 0 && cookie)
		return refusal_set(refusal, EDVSPROCSTS,
				   "thread %d has a core scheduling cookie (PR_SCHED_CORE), which "
				   "is not carried",
				   (int)vtid);
	return check_keyrings(calls, q, vtid, refusal);
}

bool peculiar_free_of_landlock(const struct calls *calls, const struct peculiar_questions *q)
{
	int64_t version = calls_result(calls, q->landlock_version);

	/*
	 * A domain forbids its members to look into processes outside of it, and the init is
	 * outside. One that may look into the init has none; one that may not can be without
	 * rights for another reason.
	 */
	return version == -ENOSYS || version == -EOPNOTSUPP || calls_result(calls, q->compare) == 0;
}

int peculiar_check_segments(const struct user_regs_struct *registers, struct refusal *refusal)
{
	const struct {
		const char *name;
		uint64_t selector;
	} segments[] = { { "ds", registers->ds },
			 { "es", registers->es },
			 { "fs", registers->fs },
			 { "gs", registers->gs },
			 { "ss", registers->ss } };

	if (registers->cs != SELECTOR_CODE)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process executes 32-bit code, which is not carried");
	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
		if (segments[i].selector >= SELECTOR_NULLS && segments[i].selector != SELECTOR_DATA)
			return refusal_set(refusal, EDVSPROCSTS,
					   "the process has a segment of its own in a register "
					   "(%s is %#llx), which is not carried",
					   segments[i].name,
					   (unsigned long long)segments[i].selector);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_PECULIAR_H
#define DVS_MIGRATE_PECULIAR_H

#include "migrate/calls.h"
#include "migrate/inventory.h"

/*
 * Settings that a thread may have for itself. Some are carried; no image carries namespaces, memory policy, keyrings
 * and the like.
 * Every thread is asked for them, because each belongs to the thread and not to the process.
 */
#define PECULIAR_ORDINARIES 4
#define PECULIAR_KEYRINGS   3
#define PECULIAR_CALLS	    20u
#define PECULIAR_BYTES	    256u

struct peculiar_questions {
	uint32_t ordinary[PECULIAR_ORDINARIES];
	uint32_t keyring[PECULIAR_KEYRINGS];
	uint32_t policy_call, session, user_session, cookie_call, landlock_version, compare;
	struct remote_ptr policy, tsc, cookie;
};

/* From outside: whether all threads live in the namespaces, control group, ... of their leader. Uses the scratch. */
int peculiar_check_outside(struct inventory *inventory, struct refusal *refusal);

/* Whether the text of /proc/PID/task/TID/status says what that of the leader says. */
int peculiar_check_status(const char *leader, const char *own, pid_t tid, struct refusal *refusal);

/*
 * Borrowed: adds PECULIAR_CALLS calls at most. After the run the check refuses by name, or tells of the settings that
 * are carried (enum image_thread_setting).
 */
void peculiar_ask(struct calls *calls, struct peculiar_questions *questions);
int peculiar_check(struct calls *calls, const struct peculiar_questions *questions, int32_t vtid,
		   bool is_strict, uint32_t *settings, struct refusal *refusal);

/* Whether the answers prove that no Landlock domain restricts the thread; false: not known. */
bool peculiar_free_of_landlock(const struct calls *calls,
			       const struct peculiar_questions *questions);

/* Only 64-bit code with the flat segments of the system. */
int peculiar_check_segments(const struct user_regs_struct *registers, struct refusal *refusal);

#endif

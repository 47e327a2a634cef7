/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A copier sets the mark, reads the pid, copies in one system call, and takes the mark back. So somebody
 * whose mark stands does not copy if
 *
 *	all of its threads sleep in other system calls, the mark standing before and after the look
 *	it has run for long outside the kernel since then: there is next to nothing to do there
 *	it is not on this node, or has ended
 */

#include "node/move/copiers.h"

#include <stdatomic.h>

#include "node/bind/binding.h"
#include "node/task/task.h"
#include "os/activity.h"
#include "os/lock.h"

#define ALIBIS_ENOUGH 3
#define USER_MS_MAX   50

static bool is_marked(struct exchange *exchange, int dcid, int p_nr, int peer_nr)
{
	struct exchange_channel *channel = exchange_find(exchange, dcid, p_nr, peer_nr);

	return channel && atomic_load(&channel->page->copy_busy[exchange_side(channel, p_nr)]);
}

/* The process of a peer whose mark stands; 0: there is none. */
static pid_t marked_pid(const struct bindings *bindings, pthread_mutex_t *lock, int dcid, int p_nr,
			int peer_nr)
{
	struct binding *peer = NULL;
	pid_t pid = 0;

	os_lock_take(lock);
	if (is_marked(bindings->exchange, dcid, p_nr, peer_nr))
		peer = binding_find(bindings, dcid, peer_nr);
	if (peer && !peer->task->ended)
		pid = peer->task->tgid;
	os_lock_release(lock);
	return pid;
}

bool copiers_may_copy(struct copiers *copiers, unsigned index, const struct activity *activity)
{
	if (!copiers->of[index].user_ms)
		copiers->of[index].user_ms = activity->user_ms + 1;
	if (activity->user_ms >= copiers->of[index].user_ms + USER_MS_MAX)
		return false;
	if (activity->running || activity->copying)
		copiers->of[index].alibis = 0;
	else
		copiers->of[index].alibis++;
	return copiers->of[index].alibis < ALIBIS_ENOUGH;
}

void copiers_leave_out(struct copiers *copiers, int p_nr)
{
	copiers->of[shm_index(p_nr)].left_out = true;
}

int copiers_count(struct copiers *copiers, const struct bindings *bindings, pthread_mutex_t *lock,
		  int dcid, int p_nr)
{
	int count = 0;

	for (unsigned index = 0; index < SHM_SLOTS; index++) {
		struct activity activity;
		pid_t pid;

		if (copiers->of[index].left_out)
			continue;
		pid = marked_pid(bindings, lock, dcid, p_nr, (int)index - SHM_TASKS);

		if (!pid)
			copiers->of[index].alibis = 0;
		else if (os_activity(pid, &activity) == 0)
			count += copiers_may_copy(copiers, index, &activity);
	}
	return count;
}

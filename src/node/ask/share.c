/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/share.h"
#include "os/lock.h"

#include <assert.h>
#include <stdlib.h>

struct share {
	struct share *next;
	uid_t uid;
	unsigned count[SHARE_KINDS], sum;
};

static const struct {
	unsigned most;
	const char *noun;
} kinds[SHARE_KINDS] = {
	[SHARE_SEARCHES] = { 2, "searches for processes" },
	[SHARE_MOVES] = { 64, "moves" },
	[SHARE_IMAGES] = { 4, "checkpoints, restores and looks at images" },
	[SHARE_STREAMS] = { 3, "large copies" },
	[SHARE_PARTS] = { 32, "small copies" },
	[SHARE_STARTS] = { 32, "commands that start" },
	[SHARE_REQUESTS] = { 256, "requests of other nodes" },
};

/* The few that have something just now; the link to the one sought, or the end. */
static struct share **find(struct share **shares, uid_t uid)
{
	struct share **link = shares;

	while (*link && (*link)->uid != uid)
		link = &(*link)->next;
	return link;
}

bool share_take(struct share **shares, uid_t uid, enum share_kind kind)
{
	struct share **link = find(shares, uid);

	assert(os_lock_protects());
	if (uid == 0)
		return true;
	if (!*link)
		*link = calloc(1, sizeof(**link));
	if (!*link)
		return false;
	(*link)->uid = uid;
	if ((*link)->count[kind] == kinds[kind].most)
		return false;
	(*link)->count[kind]++;
	(*link)->sum++;
	return true;
}

void share_give(struct share **shares, uid_t uid, enum share_kind kind)
{
	struct share **link = find(shares, uid);
	struct share *share = *link;

	assert(os_lock_protects());
	if (uid == 0)
		return;
	assert(share && share->count[kind]);
	share->count[kind]--;
	if (--share->sum)
		return;
	*link = share->next;
	free(share);
}

unsigned share_most(enum share_kind kind)
{
	return kinds[kind].most;
}

const char *share_noun(enum share_kind kind)
{
	return kinds[kind].noun;
}

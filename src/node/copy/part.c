/* SPDX-License-Identifier: Apache-2.0 */
#include "node/copy/part.h"

#include <assert.h>
#include <stdlib.h>

#include "dvk.h"
#include "node/node.h"
#include "node/ask/share.h"
#include "os/lock.h"
#include "os/threads.h"

#define THREADS_MAX 64
#define OF_ONE_MAX  8 /* at one process at a time, whose pages may take long */

struct parts {
	struct part *all; /* queued and under way */
	struct part *queue, **tail;
	unsigned threads, idle, queued;
	pthread_cond_t more;
};

struct part *part_new(uint32_t bytes)
{
	struct part *part = malloc(sizeof(*part) + bytes);

	if (part)
		*part = (struct part){ .bytes = bytes };
	return part;
}

static struct part *next_part(struct node *node)
{
	struct parts *parts = node->copies.parts;
	struct part *part;

	parts->idle++;
	while (!parts->queue)
		os_condition_wait(&parts->more, &node->lock, 0);
	parts->idle--;
	part = parts->queue;
	parts->queue = part->next_queued;
	parts->queued--;
	if (!parts->queue)
		parts->tail = &parts->queue;
	return part;
}

static void finish(struct node *node, struct part *part, int code)
{
	struct part **link = &node->copies.parts->all;

	while (*link != part)
		link = &(*link)->next;
	*link = part->next;
	share_give(&node->requests.shares, part->uid, SHARE_PARTS);
	part->done(node, part, code);
	free(part);
}

static void *work(void *ctx)
{
	struct node *node = ctx;

	node_lock(node);
	for (;;) {
		struct part *part = next_part(node);
		int code = party_take(node, &part->party);

		if (!code) {
			node_unlock(node);
			code = party_copy(&part->party, part->op, part->addr, part->buf,
					  part->bytes);
			node_lock(node);
			party_leave(node, &part->party);
		}
		finish(node, part, code);
	}
	return NULL;
}

static struct parts *parts_of(struct node *node)
{
	struct parts *parts = node->copies.parts;

	if (parts)
		return parts;
	parts = calloc(1, sizeof(*parts));
	if (!parts)
		return NULL;
	parts->tail = &parts->queue;
	os_condition_init(&parts->more);
	node->copies.parts = parts;
	return parts;
}

/* One more thread, if all are busy. False: there is none at all. */
static bool have_thread(struct node *node, struct parts *parts)
{
	if (parts->idle > parts->queued || parts->threads == THREADS_MAX)
		return true;
	if (os_thread_start(work, node) < 0)
		return parts->threads;
	parts->threads++;
	return true;
}

static int check(struct node *node, const struct party *party)
{
	struct parts *parts = parts_of(node);
	int count = 0;

	if (!parts || !have_thread(node, parts))
		return EDVSALLOCMEM;
	for (const struct part *p = parts->all; p; p = p->next)
		count += p->party.dcid == party->dcid && p->party.endpoint == party->endpoint;
	return count < OF_ONE_MAX ? 0 : EDVSMIGRATE;
}

int part_start(struct node *node, struct part *part)
{
	int code = check(node, &part->party);
	struct parts *parts = node->copies.parts;

	assert(os_lock_protects());
	if (!code && !share_take(&node->requests.shares, part->uid, SHARE_PARTS))
		code = EDVSMIGRATE;
	if (code) {
		free(part);
		return code;
	}
	part->next = parts->all;
	parts->all = part;
	part->next_queued = NULL;
	*parts->tail = part;
	parts->tail = &part->next_queued;
	parts->queued++;
	os_condition_signal(&parts->more);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "node/succession.h"

#include <errno.h>
#include <string.h>

#include "node/ask/door.h"
#include "node/node.h"
#include "node/restart/adopt.h"
#include "node/restart/handover.h"
#include "node/task/inits.h"
#include "os/descriptors.h"

/* More than a daemon can have used between the last state that it left and its death. */
#define EPOCHS_UNKNOWN	1000u
#define NUMBERS_UNKNOWN (UINT64_C(1) << 32)

struct leaving {
	const struct node *node;
	const struct request *asker;
	struct state_node head;
};

static struct state_node head_of(const struct node *node, int64_t asked_ns, int64_t paused_ns)
{
	uint64_t proposed = node->order.last_request, asked = node->requests.last_id;
	struct os_descriptors limits;
	struct state_node head;
	int fds[2];

	os_descriptors_before(&limits);
	door_fds(node->requests.door, fds);
	head = (struct state_node){ .nodeid = node->order.self,
				    .control_fd = fds[0],
				    .path_fd = fds[1],
				    .link_fd = proxy_listen_fd(node->proxy),
				    .cgroup_fd = cgroup_folder(&node->tasks),
				    /* The successor counts on from there, in each part. */
				    .last_id = asked > proposed ? asked : proposed,
				    .asked_ns = (uint64_t)asked_ns,
				    .paused_ns = (uint64_t)paused_ns,
				    .restarts = node->restarts.count + 1,
				    .quorum = node->order.quorum,
				    .soft = limits.soft,
				    .hard = limits.hard,
				    .debug_level = node->life.debug_level };
	memcpy(head.dvs_name, node->life.dvs_name, sizeof(head.dvs_name));
	return head;
}

static void put_all(struct handover_writer *writer, void *ctx)
{
	const struct leaving *leaving = ctx;
	const struct node *node = leaving->node;

	handover_put_head(writer, &leaving->head);
	handover_put_pages(writer, node->exchange);
	handover_put_directory(writer, &node->order);
	handover_put_group(writer, &node->order);
	handover_put_tasks(writer, &node->tasks);
	handover_put_counters(writer, &node->life.counters);
	handover_put_links(writer, node->proxy, &node->order);
	if (leaving->asker)
		handover_put_requests(writer, &node->requests, leaving->asker);
}

int succession_write(struct node *node, const struct request *asker, int64_t asked_ns,
		     int64_t paused_ns, struct handover_file *file)
{
	struct leaving leaving = { node, asker, head_of(node, asked_ns, paused_ns) };

	return handover_write(put_all, &leaving, file);
}

static void put_kept(struct handover_writer *writer, void *ctx)
{
	const struct leaving *leaving = ctx;

	put_all(writer, ctx);
	handover_put_requests(writer, &leaving->node->requests, NULL);
}

static void put_changes(struct handover_writer *writer, void *ctx)
{
	const struct leaving *leaving = ctx;
	const struct node *node = leaving->node;

	handover_put_head(writer, &leaving->head);
	handover_put_group(writer, &node->order);
	handover_put_counters(writer, &node->life.counters);
	handover_put_links(writer, node->proxy, &node->order);
	handover_put_changes(writer, &node->tasks);
}

ssize_t succession_keep(struct node *node, bool whole, void *out, size_t room,
			struct handover_alone *alone)
{
	struct leaving leaving = { node, NULL, head_of(node, 0, 0) };

	return handover_write_into(whole ? put_kept : put_changes, &leaving, out, room, alone);
}

static int take_link(struct node *node, const struct adoption *from, const struct state_link *link)
{
	struct proxy_link_stats stats = link->stats;

	stats.epoch += from->died ? EPOCHS_UNKNOWN : 0;
	proxy_link_carry(node->proxy, link->node, &stats);
	return 0;
}

static int take(struct adoption *from, void *ctx, const struct state_record *record)
{
	struct node *node = ctx;

	switch (record->kind) {
	case HANDOVER_NODE:
	case HANDOVER_GROUP:
	case HANDOVER_PAGE:
		return 0; /* before */
	case HANDOVER_DIRECTORY:
		return adoption_take_directory(&node->order, node->proxy, &record->directory);
	case HANDOVER_INIT:
		return inits_adopt(&node->tasks, record->init.dcid, &record->init.place,
				   from->died);
	case HANDOVER_TASK:
		return adoption_take_task(from, &node->tasks, record->number, &record->task);
	case HANDOVER_BINDING:
		return adoption_take_binding(&node->tasks, record->number, &record->binding);
	case HANDOVER_ENDED:
		return adoption_take_ended(&node->tasks, record->number, &record->ended);
	case HANDOVER_RIGHTS:
		node->tasks.rights.of[record->rights.dcid][shm_index(record->rights.p_nr)] =
			record->rights.rights;
		return 0;
	case HANDOVER_LINK:
		return take_link(node, from, &record->link);
	case HANDOVER_REQUEST:
		adoption_take_request(from, &node->requests, &record->request);
		return 0;
	case HANDOVER_COUNTERS:
		node->life.counters = record->counters;
		return 0;
	case HANDOVER_GONE:
	case HANDOVER_COMMAND:
		break; /* of a journal, and no state has any */
	}
	return -EBADMSG;
}

int succession_take(struct node *node, struct adoption *from)
{
	const struct state_node *head = &from->head;
	int r = adoption_rest(from, take, node);

	if (r < 0)
		return r;
	for (const struct binding *b = node->bindings.all; b; b = b->next)
		if (b->role == BINDING_PRIMARY)
			rights_show(&node->tasks.rights, b->dcid, b->p_nr);
	/* They are raised all the time, or a program with many descriptors could not even be loaded. */
	os_descriptors_inherit(&(struct os_descriptors){ head->soft, head->hard });
	node->order.last_request = node->requests.last_id =
		head->last_id + (from->died ? NUMBERS_UNKNOWN : 0);
	node->order.inherited = from->died ? node->order.last_request : 0;
	node->restarts.count = head->restarts;
	cgroup_adopt(&node->tasks, head->cgroup_fd);
	node->life.debug_level = head->debug_level;
	memcpy(node->life.dvs_name, head->dvs_name, sizeof(node->life.dvs_name));
	node->life.ready_told = true;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/state.h"

#include <errno.h>
#include <string.h>

#include "wire/command.h"

/*
 * Each kind of record has one function, which names its fields in order. It is run to write and to read, so that
 * the two cannot differ; a descriptor cannot be forgotten, because its field tells the cursor.
 */

static void node_fields(struct handover_cursor *c, struct state_node *n)
{
	handover_range(c, &n->nodeid, 0, NR_NODES - 1);
	handover_fd(c, &n->control_fd, 0);
	handover_fd(c, &n->path_fd, -1);
	handover_fd(c, &n->link_fd, 0);
	handover_fd(c, &n->cgroup_fd, -1);
	handover_u64(c, &n->last_id);
	handover_u64(c, &n->asked_ns);
	handover_u64(c, &n->paused_ns);
	handover_u32(c, &n->restarts);
	handover_flag(c, &n->quorum);
	handover_u64(c, &n->soft);
	handover_u64(c, &n->hard);
	handover_u64(c, &n->debug_level);
	handover_text(c, n->dvs_name, sizeof(n->dvs_name));
}

/* The engine's own: descriptors and bytes. */
static void group_fields(struct handover_cursor *c, struct group_place *g)
{
	handover_range(c, &g->fd_count, 0, GROUP_PLACE_FDS);
	for (int i = 0; i < g->fd_count && i < GROUP_PLACE_FDS; i++)
		handover_fd(c, &g->fds[i], 0);
	handover_tail(c, &g->bytes, &g->len);
}

static void page_fields(struct handover_cursor *c, struct exchange_entry *entry)
{
	struct page_name *name = &entry->name;
	int kind = (int)name->kind;
	uint64_t dev = entry->dev;

	handover_range(c, &kind, PAGE_NODE_BELL, PAGE_STATUS);
	handover_slot(c, &name->dcid, &name->p_nr);
	handover_p_nr(c, &name->peer_nr);
	handover_s32(c, &name->endpoint[0]);
	handover_s32(c, &name->endpoint[1]);
	handover_fd(c, &entry->fd, -1);
	handover_u64(c, &dev);
	handover_u64(c, &entry->ino);
	name->kind = (uint32_t)kind;
	entry->dev = dev;
}

static void init_fields(struct handover_cursor *c, struct state_init *init)
{
	handover_range(c, &init->dcid, 0, SHM_DCS - 1);
	handover_range(c, &init->place.pid, 2, INT32_MAX);
	handover_fd(c, &init->place.pidfd, 0);
	handover_fd(c, &init->place.request_fd, 0);
	handover_fd(c, &init->place.event_fd, 0);
}

static void output_fields(struct handover_cursor *c, struct state_output *output)
{
	struct output_place *place = &output->place;

	handover_fd(c, &place->read_fd, -1);
	handover_fd(c, &place->write_fd, -1);
	handover_fd(c, &place->ring_fd, -1);
	handover_u32(c, &place->start);
	handover_u32(c, &place->size);
	handover_u32(c, &place->limit);
	handover_u64(c, &output->before);
	handover_u64(c, &place->total);
	if ((place->read_fd < 0) != (place->write_fd < 0))
		handover_refuse(c);
}

/* A task that was never bound has no slot yet. */
static void task_fields(struct handover_cursor *c, struct state_task *record)
{
	struct task *task = &record->task;

	handover_range(c, &task->lpid, 1, INT32_MAX);
	handover_range(c, &task->tgid, 1, INT32_MAX);
	handover_s32(c, &task->vpid);
	handover_u64(c, &task->pidns);
	handover_fd(c, &task->pidfd, 0);
	handover_flag(c, &task->managed);
	handover_range(c, &task->dcid, -1, SHM_DCS - 1);
	handover_flag(c, &task->starting);
	handover_flag(c, &task->ended);
	handover_s32(c, &task->wait_status);
	handover_flag(c, &task->last.bound);
	handover_slot(c, &task->last.dcid, &task->last.p_nr);
	handover_u32(c, &task->last.generation);
	handover_text(c, task->last.name, sizeof(task->last.name));
	handover_text(c, task->cgroup, sizeof(task->cgroup));
	handover_u64(c, &task->cpu_owed_ns);
	output_fields(c, &record->output);
	if (task->managed != (task->dcid >= 0))
		handover_refuse(c);
}

static void binding_fields(struct handover_cursor *c, struct state_binding *record)
{
	struct binding *binding = &record->binding;
	int role = (int)binding->role, state = (int)binding->state;

	handover_u64(c, &record->task);
	handover_range(c, &role, BINDING_PRIMARY,
		       BINDING_BACKUP); /* an arrival is no quiet point */
	handover_range(c, &state, BINDING_BOUND, BINDING_ENDING);
	handover_slot(c, &binding->dcid, &binding->p_nr);
	handover_s32(c, &binding->endpoint);
	handover_u32(c, &binding->generation);
	handover_text(c, binding->name, sizeof(binding->name));
	handover_range(c, &record->status_fd, 0, HANDOVER_FD_MAX); /* the page's record owns it */
	binding->role = (enum binding_role)role;
	binding->state = (enum binding_state)state;
}

static void ended_fields(struct handover_cursor *c, struct state_ended *record)
{
	struct ctl_ended_row *row = &record->row;
	uint64_t ended_ns = (uint64_t)row->ended_ns;

	handover_slot(c, &row->dcid, &row->p_nr);
	handover_range(c, &row->node, 0, NR_NODES - 1);
	handover_s32(c, &row->lpid);
	handover_s32(c, &row->vpid);
	handover_s32(c, &row->wait_status);
	handover_range(c, &row->reason, 0, CTL_ENDED_REASONS - 1);
	handover_u64(c, &row->generation);
	handover_u64(c, &ended_ns);
	handover_text(c, row->name, sizeof(row->name));
	output_fields(c, &record->output);
	row->ended_ns = (int64_t)ended_ns;
}

static void rights_fields(struct handover_cursor *c, struct state_rights *record)
{
	const uint8_t *bytes = (const uint8_t *)&record->rights;
	uint32_t len = sizeof(record->rights);

	handover_slot(c, &record->dcid, &record->p_nr);
	handover_tail(c, &bytes, &len);
	if (len != sizeof(record->rights))
		handover_refuse(c);
	else if (handover_is_reading(c))
		memcpy(&record->rights, bytes, len);
}

static void link_fields(struct handover_cursor *c, struct state_link *link)
{
	handover_range(c, &link->node, 0, NR_NODES - 1);
	handover_u32(c, &link->stats.epoch);
	handover_u64(c, &link->stats.frames_sent);
	handover_u64(c, &link->stats.frames_received);
	handover_u64(c, &link->stats.bytes_sent);
	handover_u64(c, &link->stats.bytes_received);
	handover_u64(c, &link->stats.dropped);
	handover_u64(c, &link->stats.sent_ns);
	handover_u64(c, &link->stats.received_ns);
}

static void request_fields(struct handover_cursor *c, struct state_request *r)
{
	handover_range(c, &r->kind, STATE_REQUEST_UNREAD, STATE_REQUEST_RESTART);
	handover_fd(c, &r->fd, 0);
	handover_u64(c, &r->number);
	if (r->kind == STATE_REQUEST_FORWARDED && r->number >= NR_NODES)
		handover_refuse(c);
	handover_u32(c, &r->generation);
	handover_u64(c, &r->data_sent);
	handover_tail(c, &r->head, &r->head_bytes);
	if (r->head_bytes && r->head_bytes != sizeof(struct ctl_request))
		handover_refuse(c);
}

static void counters_fields(struct handover_cursor *c, struct ctl_counters *counters)
{
	uint64_t since_ns = (uint64_t)counters->since_ns;

	handover_u64(c, &since_ns);
	handover_u64(c, &counters->moves_begun);
	handover_u64(c, &counters->moves_committed);
	handover_u64(c, &counters->moves_rolled_back);
	handover_u64(c, &counters->moves_refused);
	handover_u64(c, &counters->moves_total_ns);
	handover_u64(c, &counters->moves_stopped_ns);
	handover_u64(c, &counters->calls_forwarded);
	handover_u64(c, &counters->copies);
	handover_u64(c, &counters->copied_bytes);
	for (int i = 0; i < CTL_REFUSALS_MAX; i++) {
		handover_s32(c, &counters->refusals[i].error);
		handover_u64(c, &counters->refusals[i].count);
	}
	counters->since_ns = (int64_t)since_ns;
}

static void gone_fields(struct handover_cursor *c, struct state_gone *gone)
{
	handover_range(c, &gone->kind, HANDOVER_NODE, HANDOVER_KIND_LAST);
}

static void command_fields(struct handover_cursor *c, struct state_command *record)
{
	handover_tail(c, &record->command, &record->bytes);
	if (record->bytes != COMMAND_BYTES)
		handover_refuse(c);
}

static void fields(struct handover_cursor *c, struct state_record *record)
{
	switch (record->kind) {
	case HANDOVER_NODE:
		node_fields(c, &record->node);
		break;
	case HANDOVER_DIRECTORY:
		handover_tail(c, &record->directory.image, &record->directory.bytes);
		break;
	case HANDOVER_GROUP:
		group_fields(c, &record->group);
		break;
	case HANDOVER_PAGE:
		page_fields(c, &record->page);
		break;
	case HANDOVER_INIT:
		init_fields(c, &record->init);
		break;
	case HANDOVER_TASK:
		task_fields(c, &record->task);
		break;
	case HANDOVER_BINDING:
		binding_fields(c, &record->binding);
		break;
	case HANDOVER_ENDED:
		ended_fields(c, &record->ended);
		break;
	case HANDOVER_RIGHTS:
		rights_fields(c, &record->rights);
		break;
	case HANDOVER_LINK:
		link_fields(c, &record->link);
		break;
	case HANDOVER_REQUEST:
		request_fields(c, &record->request);
		break;
	case HANDOVER_COUNTERS:
		counters_fields(c, &record->counters);
		break;
	case HANDOVER_GONE:
		gone_fields(c, &record->gone);
		break;
	case HANDOVER_COMMAND:
		command_fields(c, &record->command);
		break;
	}
}

void state_put(struct handover_cursor *c, struct state_record *record)
{
	handover_begin(c, record->kind, record->number);
	fields(c, record);
	handover_end(c);
}

int state_next(const uint8_t *buf, size_t bytes, size_t *at, state_descriptor_fn *own, void *ctx,
	       struct state_record *record)
{
	struct handover_cursor c;
	enum handover_kind kind;
	uint64_t number;
	int r = handover_next(buf, bytes, at, &kind, &number, &c);

	if (r <= 0)
		return r;
	memset(record, 0, sizeof(*record));
	record->kind = kind;
	record->number = number;
	c.descriptor = own;
	c.ctx = ctx;
	fields(&c, record);
	r = handover_done(&c);
	return r < 0 ? r : 1;
}

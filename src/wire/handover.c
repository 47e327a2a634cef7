/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Each kind of record has one function that names its fields in order; it is used both ways, so that
 * what is written and what is read cannot differ. Checks of range stand beside the fields.
 */

#include "wire/handover.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "wire/ctl.h"

#define RECORD_HEAD_BYTES 8u
#define HASHED_FROM	  24u
#define PAGE_KIND_LAST	  4u
#define PROCESS_STATES	  5u

const uint32_t handover_version = HANDOVER_VERSION;

struct cursor {
	uint8_t *out;	   /* writing; NULL: only counts */
	const uint8_t *in; /* reading */
	size_t at, size;
	bool bad;
};

static bool is_reading(const struct cursor *c)
{
	return c->in;
}

static void field(struct cursor *c, uint64_t *value, size_t bytes)
{
	uint64_t got = 0;

	if (is_reading(c) && c->size - c->at < bytes) {
		c->bad = true;
		*value = 0;
		return;
	}
	for (size_t i = 0; i < bytes; i++, c->at++) {
		if (is_reading(c))
			got |= (uint64_t)c->in[c->at] << 8 * i;
		else if (c->out && c->at < c->size)
			c->out[c->at] = (uint8_t)(*value >> 8 * i);
	}
	if (is_reading(c))
		*value = got;
}

static void u64(struct cursor *c, uint64_t *value)
{
	field(c, value, 8);
}

static void u32(struct cursor *c, uint32_t *value)
{
	uint64_t wide = *value;

	field(c, &wide, 4);
	*value = (uint32_t)wide;
}

static void s32(struct cursor *c, int32_t *value)
{
	uint32_t raw = (uint32_t)*value;

	u32(c, &raw);
	*value = (int32_t)raw;
}

static void within(struct cursor *c, int64_t value, int64_t least, int64_t most)
{
	if (is_reading(c) && (value < least || value > most))
		c->bad = true;
}

static void flag(struct cursor *c, uint32_t *value)
{
	u32(c, value);
	within(c, *value, 0, 1);
}

static void fd(struct cursor *c, int32_t *value, int least)
{
	s32(c, value);
	within(c, *value, least, HANDOVER_FD_MAX);
}

static void slot(struct cursor *c, int32_t *dcid, int32_t *p_nr)
{
	s32(c, dcid);
	s32(c, p_nr);
	within(c, *dcid, 0, SHM_DCS - 1);
	within(c, *p_nr, -SHM_TASKS, SHM_SLOTS - SHM_TASKS - 1);
}

/* Terminated, and nothing behind its end. */
static void text_field(struct cursor *c, char *text, int size)
{
	bool ended = false;

	for (int i = 0; i < size; i++) {
		uint64_t byte = (uint8_t)text[i];

		field(c, &byte, 1);
		text[i] = (char)byte;
		if (is_reading(c) && ended && byte)
			c->bad = true;
		ended |= !byte;
	}
	if (is_reading(c) && !ended)
		c->bad = true;
}

static void node_fields(struct cursor *c, struct handover_node *n)
{
	s32(c, &n->nodeid);
	within(c, n->nodeid, 0, NR_NODES - 1);
	fd(c, &n->control_fd, 0);
	fd(c, &n->path_fd, -1);
	fd(c, &n->link_fd, 0);
	fd(c, &n->cgroup_fd, -1);
	u64(c, &n->next_request);
	u64(c, &n->asked_ns);
	u64(c, &n->paused_ns);
	u32(c, &n->restarts);
	flag(c, &n->quorum);
	u64(c, &n->soft);
	u64(c, &n->hard);
	u64(c, &n->debug_level);
	text_field(c, n->dvs_name, sizeof(n->dvs_name));
}

static void group_fields(struct cursor *c, struct handover_group *g)
{
	fd(c, &g->fd, 0);
	flag(c, &g->started);
	flag(c, &g->joined);
	u64(c, &g->order);
	u32(c, &g->unread);
}

static void page_fields(struct cursor *c, struct handover_page *p)
{
	u32(c, &p->kind);
	within(c, p->kind, 1, PAGE_KIND_LAST);
	slot(c, &p->dcid, &p->p_nr);
	s32(c, &p->peer_nr);
	within(c, p->peer_nr, -SHM_TASKS, SHM_SLOTS - SHM_TASKS - 1);
	s32(c, &p->endpoint[0]);
	s32(c, &p->endpoint[1]);
	fd(c, &p->fd, -1);
	u64(c, &p->dev);
	u64(c, &p->ino);
}

static void init_fields(struct cursor *c, struct handover_init *i)
{
	s32(c, &i->dcid);
	within(c, i->dcid, 0, SHM_DCS - 1);
	s32(c, &i->pid);
	within(c, i->pid, 2, INT32_MAX);
	fd(c, &i->pidfd, 0);
	fd(c, &i->request_fd, 0);
	fd(c, &i->event_fd, 0);
}

static void log_fields(struct cursor *c, struct handover_log *l)
{
	fd(c, &l->read_fd, -1);
	fd(c, &l->write_fd, -1);
	fd(c, &l->ring_fd, -1);
	u32(c, &l->start);
	u32(c, &l->size);
	u32(c, &l->limit);
	u64(c, &l->before);
	u64(c, &l->total);
	if (is_reading(c) && (l->read_fd < 0) != (l->write_fd < 0))
		c->bad = true;
}

/* One that was never bound has no slot yet: dcid is its pid namespace's, or -1. */
static void process_fields(struct cursor *c, struct handover_process *p)
{
	u32(c, &p->state);
	within(c, p->state, 0, PROCESS_STATES - 1);
	s32(c, &p->dcid);
	within(c, p->dcid, -1, SHM_DCS - 1);
	s32(c, &p->p_nr);
	within(c, p->p_nr, -SHM_TASKS, SHM_SLOTS - SHM_TASKS - 1);
	s32(c, &p->endpoint);
	u32(c, &p->generation);
	s32(c, &p->lpid);
	within(c, p->lpid, 1, INT32_MAX);
	s32(c, &p->tgid);
	within(c, p->tgid, 1, INT32_MAX);
	s32(c, &p->vpid);
	u64(c, &p->pidns);
	fd(c, &p->pidfd, 0);
	fd(c, &p->status_fd, -1);
	flag(c, &p->managed);
	flag(c, &p->ended);
	s32(c, &p->wait_status);
	flag(c, &p->backup);
	text_field(c, p->name, sizeof(p->name));
	text_field(c, p->cgroup, sizeof(p->cgroup));
	log_fields(c, &p->log);
	if (is_reading(c) && p->status_fd >= 0 && p->dcid < 0)
		c->bad = true;
}

static void ended_fields(struct cursor *c, struct handover_ended *e)
{
	slot(c, &e->dcid, &e->p_nr);
	s32(c, &e->node);
	within(c, e->node, 0, NR_NODES - 1);
	s32(c, &e->lpid);
	s32(c, &e->vpid);
	s32(c, &e->wait_status);
	u32(c, &e->reason);
	within(c, e->reason, 0, CTL_ENDED_REASONS - 1);
	u64(c, &e->generation);
	u64(c, &e->ended_ns);
	text_field(c, e->name, sizeof(e->name));
	log_fields(c, &e->log);
}

static void link_fields(struct cursor *c, struct handover_link *l)
{
	s32(c, &l->node);
	within(c, l->node, 0, NR_NODES - 1);
	u32(c, &l->epoch);
	u64(c, &l->frames_sent);
	u64(c, &l->frames_received);
	u64(c, &l->bytes_sent);
	u64(c, &l->bytes_received);
	u64(c, &l->dropped);
	u64(c, &l->sent_ns);
	u64(c, &l->received_ns);
}

static void request_fields(struct cursor *c, struct handover_request *r)
{
	u32(c, &r->kind);
	within(c, r->kind, HANDOVER_REQUEST_UNREAD, HANDOVER_REQUEST_RESTART);
	fd(c, &r->fd, 0);
	u32(c, &r->process);
	u32(c, &r->generation);
	u64(c, &r->data_sent);
	if (r->kind == HANDOVER_REQUEST_FORWARDED)
		within(c, r->process, 0, NR_NODES - 1);
}

static void fields(struct cursor *c, struct handover_record *record)
{
	switch (record->kind) {
	case HANDOVER_NODE:
		node_fields(c, &record->node);
		break;
	case HANDOVER_DIRECTORY:
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
	case HANDOVER_PROCESS:
		process_fields(c, &record->process);
		break;
	case HANDOVER_ENDED:
		ended_fields(c, &record->ended);
		break;
	case HANDOVER_RIGHTS:
		slot(c, &record->rights.dcid, &record->rights.p_nr);
		break;
	case HANDOVER_LINK:
		link_fields(c, &record->link);
		break;
	case HANDOVER_REQUEST:
		request_fields(c, &record->request);
		break;
	}
}

static bool has_tail(enum handover_kind kind)
{
	switch (kind) {
	case HANDOVER_DIRECTORY:
	case HANDOVER_GROUP:
	case HANDOVER_RIGHTS:
	case HANDOVER_REQUEST:
		return true;
	case HANDOVER_NODE:
	case HANDOVER_PAGE:
	case HANDOVER_INIT:
	case HANDOVER_PROCESS:
	case HANDOVER_ENDED:
	case HANDOVER_LINK:
		break;
	}
	return false;
}

static void put_tail(struct cursor *c, const struct handover_record *record)
{
	if (c->out && c->at <= c->size && c->size - c->at >= record->tail_bytes &&
	    record->tail_bytes)
		memcpy(c->out + c->at, record->tail, record->tail_bytes);
	c->at += record->tail_bytes;
}

void handover_put(uint8_t *buf, size_t size, size_t *at, const struct handover_record *record)
{
	struct handover_record copy = *record;
	struct cursor c = { .out = buf, .at = *at + RECORD_HEAD_BYTES, .size = size };
	struct cursor head = { .out = buf, .at = *at, .size = size };
	uint32_t kind = record->kind, bytes;

	fields(&c, &copy);
	put_tail(&c, record);
	bytes = (uint32_t)(c.at - *at - RECORD_HEAD_BYTES);
	u32(&head, &kind);
	u32(&head, &bytes);
	*at = c.at;
}

static void versions_fields(struct cursor *c, struct handover_versions *v)
{
	u32(c, &v->shm);
	u32(c, &v->inits);
	u32(c, &v->ctl);
	u32(c, &v->group);
}

void handover_seal(uint8_t *buf, size_t bytes, const struct handover_versions *versions)
{
	struct cursor c = { .out = buf, .size = bytes };
	struct handover_versions copy = *versions;
	uint32_t magic = HANDOVER_MAGIC, version = HANDOVER_VERSION;
	uint64_t all = bytes, hash;

	u32(&c, &magic);
	u32(&c, &version);
	u64(&c, &all);
	c.at = HASHED_FROM;
	versions_fields(&c, &copy);
	hash = hash_bytes(HASH_SEED, buf + HASHED_FROM, bytes - HASHED_FROM);
	c.at = HASHED_FROM - 8;
	u64(&c, &hash);
}

int handover_open(const uint8_t *buf, size_t bytes, const struct handover_versions *own,
		  uint32_t *version)
{
	struct cursor c = { .in = buf, .size = bytes };
	struct handover_versions theirs = { 0 };
	uint32_t magic = 0;
	uint64_t all = 0, hash = 0;

	*version = 0;
	if (bytes < HANDOVER_HEAD_BYTES)
		return -EBADMSG;
	u32(&c, &magic);
	u32(&c, version);
	u64(&c, &all);
	u64(&c, &hash);
	versions_fields(&c, &theirs);
	if (magic != HANDOVER_MAGIC)
		return -EBADMSG;
	/* Nothing that follows means the same in another version. */
	if (*version != HANDOVER_VERSION)
		return -EPROTONOSUPPORT;
	if (all < HANDOVER_HEAD_BYTES || all > bytes ||
	    hash != hash_bytes(HASH_SEED, buf + HASHED_FROM, (size_t)all - HASHED_FROM))
		return -EBADMSG;
	return memcmp(&theirs, own, sizeof(theirs)) ? -EPROTO : 0;
}

static size_t total_of(const uint8_t *buf, size_t bytes)
{
	struct cursor c = { .in = buf, .at = 8, .size = bytes };
	uint64_t all = 0;

	u64(&c, &all);
	return all < bytes ? (size_t)all : bytes;
}

int handover_next(const uint8_t *buf, size_t bytes, size_t *at, struct handover_record *record)
{
	size_t all = total_of(buf, bytes);
	struct cursor c = { .in = buf, .at = *at, .size = all };
	uint32_t kind = 0, length = 0;

	if (*at == all)
		return 0;
	if (*at > all)
		return -EBADMSG;
	u32(&c, &kind);
	u32(&c, &length);
	if (c.bad || kind < 1 || kind > HANDOVER_KIND_LAST || length > all - c.at)
		return -EBADMSG;
	memset(record, 0, sizeof(*record));
	record->kind = (enum handover_kind)kind;
	c.size = c.at + length;
	fields(&c, record);
	if (c.bad || (c.at != c.size && !has_tail(record->kind)))
		return -EBADMSG;
	record->tail = buf + c.at;
	record->tail_bytes = (uint32_t)(c.size - c.at);
	if (record->kind == HANDOVER_GROUP && record->group.unread > record->tail_bytes)
		return -EBADMSG;
	*at = c.size;
	return 1;
}

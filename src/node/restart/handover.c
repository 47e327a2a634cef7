/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pages/exchange_adopt.h"
#include "node/task/ended.h"
#include "node/task/init.h"
#include "node/task/init_wire.h"
#include "node/task/log.h"
#include "node/node.h"
#include "node/task/process.h"
#include "node/ask/reattach.h"
#include "node/ask/request.h"
#include "node/ask/door.h"
#include "os/descriptors.h"
#include "os/memfd.h"
#include "os/socket.h"
#include "wire/group.h"

/*
 * Written twice by the same code: first without a buffer, which says how large the file is to be and
 * which descriptors are in it, then into the mapped file.
 */

const struct handover_versions handover_own_versions = { SHM_VERSION, INIT_WIRE_VERSION,
							 CTL_VERSION, GROUP_VERSION };

struct writer {
	struct node *node;
	const struct request *asker;
	struct handover_node head;
	uint8_t *buf; /* NULL: the first time */
	size_t size, at;
	struct handover_file *file;
	unsigned room; /* of file->fds */
	int error;
};

/* Notes that the successor needs it. */
static int kept(struct writer *w, int fd)
{
	struct handover_file *file = w->file;
	int *fds = file->fds;

	if (w->buf || fd < 0)
		return fd;
	if (file->fd_count == w->room) {
		w->room = w->room ? w->room * 2 : 64;
		fds = realloc(file->fds, w->room * sizeof(*fds));
		if (!fds) {
			w->room = file->fd_count;
			w->error = -ENOMEM;
			return fd;
		}
		file->fds = fds;
	}
	file->fds[file->fd_count++] = fd;
	return fd;
}

static void put(struct writer *w, struct handover_record *record)
{
	handover_put(w->buf, w->size, &w->at, record);
}

static void put_page(void *ctx, const struct exchange_entry *entry)
{
	struct writer *w = ctx;
	const struct page_name *name = &entry->name;
	struct handover_record record = {
		.kind = HANDOVER_PAGE,
		.page = { .kind = name->kind,
			  .dcid = name->dcid,
			  .p_nr = name->p_nr,
			  .peer_nr = name->peer_nr,
			  .endpoint = { name->endpoint[0], name->endpoint[1] },
			  .fd = kept(w, entry->fd),
			  .dev = entry->dev,
			  .ino = entry->ino },
	};

	put(w, &record);
}

static void put_group(struct writer *w)
{
	struct handover_record record = { .kind = HANDOVER_GROUP };
	struct group_place place;
	uint8_t *tail;

	/* Without a group the node goes on as it does: nothing can be bound or moved. */
	if (!w->node->group || group_place(w->node->group, &place) < 0)
		return;
	tail = malloc(place.in_bytes + place.out_bytes + 1);
	if (!tail) {
		w->error = -ENOMEM;
		return;
	}
	if (place.in_bytes)
		memcpy(tail, place.in, place.in_bytes);
	if (place.out_bytes)
		memcpy(tail + place.in_bytes, place.out, place.out_bytes);
	record.group = (struct handover_group){ .fd = kept(w, place.fd),
						.started = place.started,
						.joined = place.joined,
						.order = place.order,
						.unread = (uint32_t)place.in_bytes };
	record.tail = tail;
	record.tail_bytes = (uint32_t)(place.in_bytes + place.out_bytes);
	put(w, &record);
	free(tail);
}

static void put_directory(struct writer *w)
{
	struct handover_record record = { .kind = HANDOVER_DIRECTORY };
	size_t bound = directory_encode_bound();
	uint8_t *tail = malloc(bound);

	if (!tail) {
		w->error = -ENOMEM;
		return;
	}
	record.tail = tail;
	record.tail_bytes = (uint32_t)directory_encode(&w->node->directory, tail, bound);
	put(w, &record);
	free(tail);
}

static void put_init(struct writer *w, int dcid)
{
	struct dc_init_place place;
	struct handover_record record = { .kind = HANDOVER_INIT };

	dc_init_place(w->node->init[dcid], &place);
	record.init = (struct handover_init){ dcid, place.pid, kept(w, place.pidfd),
					      kept(w, place.request_fd), kept(w, place.event_fd) };
	put(w, &record);
}

static struct handover_log log_of(struct writer *w, const struct proc_log *log, uint64_t before)
{
	struct proc_log_place place = { .read_fd = -1, .write_fd = -1, .ring_fd = -1 };

	if (log)
		proc_log_place(log, &place);
	return (struct handover_log){ .read_fd = kept(w, place.read_fd),
				      .write_fd = kept(w, place.write_fd),
				      .ring_fd = kept(w, place.ring_fd),
				      .start = place.start,
				      .size = place.size,
				      .limit = place.limit,
				      .before = before,
				      .total = place.total };
}

static void put_process(struct writer *w, const struct process *p)
{
	struct handover_record record = { .kind = HANDOVER_PROCESS };

	record.process = (struct handover_process){ .state = p->state,
						    .dcid = p->dcid,
						    .p_nr = p->p_nr,
						    .endpoint = p->endpoint,
						    .generation = p->generation,
						    .lpid = p->lpid,
						    .tgid = p->tgid,
						    .vpid = p->vpid,
						    .pidns = p->pidns,
						    .pidfd = kept(w, p->pidfd),
						    .status_fd = p->status ? p->status->fd : -1,
						    .managed = p->managed,
						    .ended = p->ended,
						    .wait_status = p->wait_status,
						    .backup = p->backup,
						    .log = log_of(w, p->log, p->log_start) };
	/* What stands behind the end of a name is no part of it. */
	memcpy(record.process.cgroup, p->cgroup, strnlen(p->cgroup, sizeof(p->cgroup) - 1));
	memcpy(record.process.name, p->name, strnlen(p->name, sizeof(p->name) - 1));
	put(w, &record);
}

static void put_ended(void *ctx, const struct ctl_ended_row *row, const struct proc_log *log,
		      uint64_t before)
{
	struct writer *w = ctx;
	struct handover_record record = { .kind = HANDOVER_ENDED };

	record.ended = (struct handover_ended){ .dcid = row->dcid,
						.p_nr = row->p_nr,
						.node = row->node,
						.lpid = row->lpid,
						.vpid = row->vpid,
						.wait_status = row->wait_status,
						.reason = (uint32_t)row->reason,
						.generation = row->generation,
						.ended_ns = (uint64_t)row->ended_ns,
						.log = log_of(w, log, before) };
	memcpy(record.ended.name, row->name, sizeof(record.ended.name));
	put(w, &record);
}

static void put_rights(struct writer *w, int dcid)
{
	static const priv_usr_t none;

	for (int index = 0; index < SHM_SLOTS; index++) {
		const priv_usr_t *rights = &w->node->priv[dcid][index];
		struct handover_record record = { .kind = HANDOVER_RIGHTS,
						  .rights = { dcid, index - SHM_TASKS },
						  .tail = rights,
						  .tail_bytes = sizeof(*rights) };

		if (memcmp(rights, &none, sizeof(none)))
			put(w, &record);
	}
}

static void put_link(struct writer *w, int peer)
{
	struct proxy_link_stats s;
	struct handover_record record = { .kind = HANDOVER_LINK };

	proxy_link_stats(w->node->proxy, peer, &s);
	record.link = (struct handover_link){ peer,	     s.epoch,
					      s.frames_sent, s.frames_received,
					      s.bytes_sent,  s.bytes_received,
					      s.dropped,     s.sent_ns,
					      s.received_ns };
	put(w, &record);
}

static bool is_in(const struct request *request, const struct request *list)
{
	while (list && list != request)
		list = list->next_kept;
	return list;
}

uint32_t handover_kind_of(const struct request *request, const struct request *asker,
			  uint32_t *process)
{
	const struct node *node = request->node;

	*process = 0;
	if (!request->head.magic)
		return HANDOVER_REQUEST_UNREAD;
	if (request == asker)
		return HANDOVER_REQUEST_RESTART;
	for (const struct process *p = node->processes; p; p = p->next, ++*process)
		if (is_in(request, p->followers))
			return HANDOVER_REQUEST_FOLLOWER;
	*process = (uint32_t)request->head.node;
	if ((request->to >= 0 || is_in(request, node->detached)) && reattach_possible(request))
		return HANDOVER_REQUEST_FORWARDED;
	return 0;
}

static void put_request(struct writer *w, const struct request *request)
{
	struct handover_record record = { .kind = HANDOVER_REQUEST };
	const struct directory_endpoint *ep =
		node_endpoint(w->node, request->head.dcid, request->head.endpoint);
	struct ctl_request head = request->head;

	record.request = (struct handover_request){ .fd = kept(w, request->fd),
						    .generation = ep ? ep->generation : 0,
						    .data_sent = request->data_sent };
	record.request.kind = handover_kind_of(request, w->asker, &record.request.process);
	if (is_in(request, w->node->detached))
		record.request.generation = (uint32_t)request->forward_id;
	head.payload_bytes = 0; /* a command's arguments are of no more use */
	if (record.request.kind != HANDOVER_REQUEST_UNREAD) {
		record.tail = &head;
		record.tail_bytes = sizeof(head);
	}
	put(w, &record);
}

static void put_clients(struct writer *w)
{
	for (const struct request *r = w->node->clients; r; r = r->next_client)
		put_request(w, r);
}

static void put_head(struct writer *w)
{
	struct handover_record record = { .kind = HANDOVER_NODE, .node = w->head };
	int fds[2];

	door_fds(w->node->door, fds);
	record.node.control_fd = kept(w, fds[0]);
	record.node.path_fd = kept(w, fds[1]);
	record.node.cgroup_fd = kept(w, cgroup_folder(w->node));
	record.node.link_fd = kept(w, proxy_listen_fd(w->node->proxy));
	put(w, &record);
}

static void put_all(struct writer *w)
{
	struct node *node = w->node;

	w->at = HANDOVER_HEAD_BYTES;
	put_head(w);
	exchange_walk(node->exchange, put_page, w);
	put_directory(w);
	put_group(w);
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		if (node->init[dcid])
			put_init(w, dcid);
		put_rights(w, dcid);
	}
	for (const struct process *p = node->processes; p; p = p->next)
		put_process(w, p);
	ended_walk(node, put_ended, w);
	for (int peer = 0; peer < NR_NODES; peer++)
		if (peer != node->options.id && node->directory.node[peer].up)
			put_link(w, peer);
	if (w->asker)
		put_clients(w);
}

static int write_file(struct writer *w)
{
	void *map;
	int r;

	put_all(w);
	if (w->error)
		return w->error;
	w->size = w->at;
	w->file->bytes = w->size;
	w->file->fd = os_memfd_new("dvs-handover", w->size);
	if (w->file->fd < 0)
		return w->file->fd;
	r = os_memfd_map(w->file->fd, w->size, 0, &map);
	if (r < 0)
		return r;
	w->buf = map;
	put_all(w);
	if (w->at != w->size)
		w->error = -EAGAIN; /* it was no quiet point */
	else
		handover_seal(w->buf, w->size, &handover_own_versions);
	os_memfd_unmap(map, w->size);
	return w->error;
}

int handover_write(struct node *node, const struct request *asker, uint64_t asked_ns,
		   uint64_t paused_ns, struct handover_file *file)
{
	struct writer w = { .node = node, .asker = asker, .file = file };
	struct os_descriptors limits;
	int r;

	os_descriptors_before(&limits);
	w.head = (struct handover_node){ .nodeid = node->options.id,
					 .next_request = node->next_request,
					 .asked_ns = asked_ns,
					 .paused_ns = paused_ns,
					 .restarts = node->restarts + 1,
					 .quorum = node->quorum,
					 .soft = limits.soft,
					 .hard = limits.hard,
					 .debug_level = node->debug_level };
	memcpy(w.head.dvs_name, node->dvs_name, sizeof(w.head.dvs_name));
	*file = (struct handover_file){ .fd = -1 };
	r = write_file(&w);
	if (r < 0)
		handover_file_deinit(file);
	return r;
}

void handover_file_deinit(struct handover_file *file)
{
	file->fd = os_close(file->fd);
	free(file->fds);
	file->fds = NULL;
	file->fd_count = 0;
}

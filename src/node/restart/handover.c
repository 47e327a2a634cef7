/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/handover.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/ask/reattach.h"
#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/restart/state.h"
#include "node/state/order.h"
#include "node/task/ended.h"
#include "wire/init.h"
#include "os/lock.h"
#include "os/memfd.h"
#include "os/socket.h"
#include "wire/protocol.h"

/*
 * Written twice by the same code: first without a buffer, which says how large the file is to be and
 * which descriptors are in it, then into the mapped file.
 */

const struct handover_versions handover_own_versions = { SHM_VERSION, INIT_WIRE_VERSION,
							 CTL_VERSION, PROTOCOL_MOST };

struct handover_writer {
	struct handover_cursor cursor;
	struct handover_file *file;
	unsigned room; /* of file->fds */
	int error;
	bool often; /* it is to be quick */
};

/* Notes that the successor needs it. */
static void keep(void *ctx, int fd)
{
	struct handover_writer *w = ctx;
	struct handover_file *file = w->file;
	int *fds;

	if (file->fd_count == w->room) {
		w->room = w->room ? w->room * 2 : 64;
		fds = realloc(file->fds, w->room * sizeof(*fds));
		if (!fds) {
			w->room = file->fd_count;
			w->error = -ENOMEM;
			return;
		}
		file->fds = fds;
	}
	file->fds[file->fd_count++] = fd;
}

static void put(struct handover_writer *w, struct state_record *record)
{
	state_put(&w->cursor, record);
}

static void put_page(void *ctx, const struct exchange_entry *entry)
{
	put(ctx, &(struct state_record){ .kind = HANDOVER_PAGE, .page = *entry });
}

static void put_group(struct handover_writer *w, struct group *group)
{
	struct state_record record = { .kind = HANDOVER_GROUP };
	int r = group ? group_place(group, &record.group) : -ENOTCONN;

	/* Without a group the node goes on as it does: nothing can be bound or moved. */
	if (r == 0)
		put(w, &record);
	else if (r != -ENOTCONN)
		w->error = r;
}

static void put_directory(struct handover_writer *w, const struct directory *directory)
{
	struct state_record record = { .kind = HANDOVER_DIRECTORY };
	size_t bound = directory_encode_bound();
	uint8_t *image = malloc(bound);

	if (!image) {
		w->error = -ENOMEM;
		return;
	}
	record.directory.image = image;
	record.directory.bytes = (uint32_t)directory_encode(directory, image, bound);
	put(w, &record);
	free(image);
}

static void put_init(struct handover_writer *w, int dcid, const struct dc_init *init)
{
	struct state_record record = { .kind = HANDOVER_INIT, .init = { .dcid = dcid } };

	dc_init_place(init, &record.init.place);
	put(w, &record);
}

static struct state_output output_of(const struct output *output, uint64_t before)
{
	struct state_output record = { { .read_fd = -1, .write_fd = -1, .ring_fd = -1 }, before };

	if (output)
		output_place(output, &record.place);
	return record;
}

/* An arrival ends with the daemon. */
static bool is_put(const struct task *task)
{
	return !task->loading;
}

static void put_task(struct handover_writer *w, const struct task *task)
{
	put(w, &(struct state_record){
		       .kind = HANDOVER_TASK,
		       .task = { .task = *task,
				 .output = output_of(task->output, task->output_start) } });
}

static void put_bindings(struct handover_writer *w, const struct task *task, int number)
{
	for (const struct binding *b = task->bindings; b; b = b->next_of_task)
		if (b->role != BINDING_ARRIVING)
			put(w, &(struct state_record){ .kind = HANDOVER_BINDING,
						       .binding = { .task = number,
								    .binding = *b,
								    .status_fd = b->status->fd } });
}

static void put_ended(void *ctx, const struct ctl_ended_row *row, const struct output *output,
		      uint64_t before)
{
	put(ctx, &(struct state_record){ .kind = HANDOVER_ENDED,
					 .ended = { *row, output_of(output, before) } });
}

static void put_rights(struct handover_writer *w, const struct rights *rights, int dcid)
{
	static const priv_usr_t none;

	for (int index = 0; index < SHM_SLOTS; index++) {
		const priv_usr_t *of = &rights->of[dcid][index];

		if (memcmp(of, &none, sizeof(none)))
			put(w,
			    &(struct state_record){ .kind = HANDOVER_RIGHTS,
						    .rights = { dcid, index - SHM_TASKS, *of } });
	}
}

static void put_link(struct handover_writer *w, const struct proxy *proxy, int peer)
{
	struct state_record record = { .kind = HANDOVER_LINK, .link = { .node = peer } };

	proxy_link_stats(proxy, peer, &record.link.stats);
	put(w, &record);
}

static bool is_in(const struct request *request, const struct request *list)
{
	while (list && list != request)
		list = list->next_kept;
	return list;
}

int handover_kind_of(const struct request *request, const struct request *asker, int *number)
{
	const struct requests *requests = request->requests;

	assert(os_lock_protects());
	*number = 0;
	if (!request->head.magic)
		return STATE_REQUEST_UNREAD;
	if (request == asker)
		return STATE_REQUEST_RESTART;
	for (const struct task *task = requests->tasks->all; task; task = task->next) {
		if (is_in(request, task->followers))
			return STATE_REQUEST_FOLLOWER;
		*number += is_put(task);
	}
	*number = request->head.node;
	if ((request->to >= 0 || is_in(request, requests->detached)) && reattach_possible(request))
		return STATE_REQUEST_FORWARDED;
	return 0;
}

static void put_request(struct handover_writer *w, const struct request *request,
			const struct request *asker)
{
	struct state_record record = { .kind = HANDOVER_REQUEST };
	const struct directory_endpoint *ep = order_endpoint(
		request->requests->order, request->head.dcid, request->head.endpoint);
	struct ctl_request head = request->head;

	record.request = (struct state_request){ .fd = request->fd,
						 .generation = ep ? ep->generation : 0,
						 .data_sent = request->data_sent };
	record.request.kind = handover_kind_of(request, asker, &record.request.number);
	/* For one that follows a death: these see their connection end, and others may have their numbers by then. */
	if (!asker && (!record.request.kind || record.request.kind == STATE_REQUEST_UNREAD))
		return;
	if (is_in(request, request->requests->detached))
		record.request.generation = request->generation;
	head.payload_bytes = 0; /* a command's arguments are of no more use */
	if (record.request.kind != STATE_REQUEST_UNREAD) {
		record.request.head = (const uint8_t *)&head;
		record.request.head_bytes = sizeof(head);
	}
	put(w, &record);
}

void handover_put_head(struct handover_writer *w, const struct state_node *head)
{
	put(w, &(struct state_record){ .kind = HANDOVER_NODE, .node = *head });
}

void handover_put_pages(struct handover_writer *w, struct exchange *exchange)
{
	exchange_walk(exchange, put_page, w);
}

void handover_put_order(struct handover_writer *w, const struct order *order)
{
	put_directory(w, &order->directory);
	put_group(w, order->group);
}

void handover_put_tasks(struct handover_writer *w, const struct tasks *tasks)
{
	int number = 0;

	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		if (w->often && !tasks->order->directory.dc[dcid].generation)
			continue; /* there never was one */
		if (tasks->init[dcid] && dc_init_is_ready(tasks->init[dcid]))
			put_init(w, dcid, tasks->init[dcid]);
		put_rights(w, &tasks->rights, dcid);
	}
	for (const struct task *task = tasks->all; task; task = task->next)
		if (is_put(task))
			put_task(w, task);
	for (const struct task *task = tasks->all; task; task = task->next)
		if (is_put(task))
			put_bindings(w, task, number++);
	ended_walk(tasks, put_ended, w);
}

void handover_put_counters(struct handover_writer *w, const struct ctl_counters *counters)
{
	put(w, &(struct state_record){ .kind = HANDOVER_COUNTERS, .counters = *counters });
}

void handover_put_links(struct handover_writer *w, const struct proxy *proxy,
			const struct order *order)
{
	for (int peer = 0; peer < NR_NODES; peer++)
		if (peer != order->self && order->directory.node[peer].up)
			put_link(w, proxy, peer);
}

void handover_put_requests(struct handover_writer *w, const struct requests *requests,
			   const struct request *asker)
{
	for (const struct request *r = requests->clients; r; r = r->next_client)
		put_request(w, r, asker);
}

static ssize_t write_into(struct handover_writer *w, handover_fill_fn *fill, void *ctx, void *out,
			  size_t room)
{
	w->cursor = (struct handover_cursor){ .out = out, .at = HANDOVER_HEAD_BYTES, .size = room };
	fill(w, ctx);
	if (!w->error && w->cursor.at <= room)
		handover_seal(out, w->cursor.at, &handover_own_versions);
	return w->error ? w->error : (ssize_t)w->cursor.at;
}

static int write_file(struct handover_writer *w, handover_fill_fn *fill, void *ctx)
{
	struct handover_file *file = w->file;
	void *map;
	ssize_t n;
	int r;

	w->cursor =
		(struct handover_cursor){ .at = HANDOVER_HEAD_BYTES, .descriptor = keep, .ctx = w };
	fill(w, ctx);
	if (w->error)
		return w->error;
	file->bytes = w->cursor.at;
	file->fd = os_memfd_new("dvs-handover", file->bytes);
	if (file->fd < 0)
		return file->fd;
	r = os_memfd_map(file->fd, file->bytes, 0, &map);
	if (r < 0)
		return r;
	n = write_into(w, fill, ctx, map, file->bytes);
	os_memfd_unmap(map, file->bytes);
	/* If it has become another one it was no quiet point. */
	return n < 0 ? (int)n : (size_t)n == file->bytes ? 0 : -EAGAIN;
}

int handover_write(handover_fill_fn *fill, void *ctx, struct handover_file *file)
{
	struct handover_writer w = { .file = file };
	int r;

	assert(os_lock_protects());
	*file = (struct handover_file){ .fd = -1 };
	r = write_file(&w, fill, ctx);
	if (r < 0)
		handover_file_deinit(file);
	return r;
}

ssize_t handover_write_into(handover_fill_fn *fill, void *ctx, void *out, size_t room)
{
	struct handover_writer w = { .often = true };

	assert(os_lock_protects());
	assert(room >= HANDOVER_HEAD_BYTES);
	return write_into(&w, fill, ctx, out, room);
}

void handover_file_deinit(struct handover_file *file)
{
	file->fd = os_close(file->fd);
	free(file->fds);
	file->fds = NULL;
	file->fd_count = 0;
}

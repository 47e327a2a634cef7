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
#include "node/task/init.h"
#include "wire/init.h"
#include "os/kept.h"
#include "os/lock.h"
#include "os/memfd.h"
#include "os/socket.h"
#include "wire/command.h"
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
	struct handover_alone *alone; /* of a state that is left again and again, or NULL */
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

static void put_gone(struct handover_writer *w, uint32_t kind, uint64_t number)
{
	put(w, &(struct state_record){
		       .kind = HANDOVER_GONE, .number = number, .gone = { (int)kind } });
}

/* One that is alone in its kind, or one for each node: not again if the newest says the same. */
static void put_alone(struct handover_writer *w, struct state_record *record)
{
	size_t begin = w->cursor.at, len;
	const uint8_t **newest;

	put(w, record);
	if (!w->alone || w->cursor.at > w->cursor.size)
		return;
	newest = handover_alone_at(w->alone, record->kind, record->number);
	len = w->cursor.at - begin;
	if (*newest && !memcmp(*newest, w->cursor.out + begin, len))
		w->cursor.at = begin;
	else
		*newest = w->cursor.out + begin;
}

/* There is none any more, or there was none. */
static void put_no(struct handover_writer *w, enum handover_kind kind, uint64_t number)
{
	const uint8_t **newest = w->alone ? handover_alone_at(w->alone, kind, number) : NULL;

	if (!newest || !*newest)
		return;
	put_gone(w, kind, number);
	*newest = NULL;
}

static void put_page(void *ctx, const struct exchange_entry *entry)
{
	put(ctx, &(struct state_record){
			 .kind = HANDOVER_PAGE, .number = entry->number, .page = *entry });
}

static void put_group(struct handover_writer *w, struct group *group)
{
	struct state_record record = { .kind = HANDOVER_GROUP, .number = 1 };
	int r = group ? group_place(group, &record.group) : -ENOTCONN;

	/* Without a group the node goes on as it does: nothing can be bound or moved. */
	if (r == 0)
		put_alone(w, &record);
	else if (r == -ENOTCONN)
		put_no(w, HANDOVER_GROUP, 1);
	else
		w->error = r;
}

static void put_directory(struct handover_writer *w, const struct directory *directory)
{
	struct state_record record = { .kind = HANDOVER_DIRECTORY, .number = 1 };
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

static bool put_init(struct handover_writer *w, const struct tasks *tasks, int dcid)
{
	const struct dc_init *init = tasks->init[dcid];
	struct state_record record = { .kind = HANDOVER_INIT, .init = { .dcid = dcid } };

	if (!init || !dc_init_is_ready(init))
		return false;
	record.number = dc_init_in_state(init)->number;
	dc_init_place(init, &record.init.place);
	put(w, &record);
	return true;
}

/* Of one that its DC has lost nothing is left. */
static bool put_changed_init(struct handover_writer *w, const struct tasks *tasks,
			     const struct os_kept *in_state)
{
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		if (tasks->init[dcid] && dc_init_in_state(tasks->init[dcid]) == in_state)
			return put_init(w, tasks, dcid);
	return false;
}

/* After a death the marks of the ring itself say where its bytes are (node/task/output.c). */
static struct state_output output_of(const struct handover_writer *w, const struct output *output,
				     uint64_t before)
{
	struct state_output record = { { .read_fd = -1, .write_fd = -1, .ring_fd = -1 }, before };

	if (output)
		output_place(output, &record.place);
	if (w->alone)
		record.place.total = record.place.start = record.place.size = 0;
	return record;
}

/* An arrival ends with the daemon. */
static bool put_task(struct handover_writer *w, const struct task *task)
{
	if (task->loading)
		return false;
	put(w, &(struct state_record){
		       .kind = HANDOVER_TASK,
		       .number = task->in_state.number,
		       .task = { .task = *task,
				 .output = output_of(w, task->output, task->output_start) } });
	return true;
}

static bool put_binding(struct handover_writer *w, const struct binding *b)
{
	if (b->role == BINDING_ARRIVING || b->task->loading)
		return false;
	put(w, &(struct state_record){ .kind = HANDOVER_BINDING,
				       .number = b->in_state.number,
				       .binding = { .task = b->task->in_state.number,
						    .binding = *b,
						    .status_fd = b->status->fd } });
	return true;
}

struct putting_ended {
	struct handover_writer *writer;
	uint64_t number;
};

static void put_ended_row(void *ctx, const struct ctl_ended_row *row, const struct output *output,
			  uint64_t before)
{
	const struct putting_ended *to = ctx;

	put(to->writer,
	    &(struct state_record){ .kind = HANDOVER_ENDED,
				    .number = to->number,
				    .ended = { *row, output_of(to->writer, output, before) } });
}

static void put_ended(struct handover_writer *w, const struct os_kept *ended)
{
	ended_tell(ended, put_ended_row, &(struct putting_ended){ w, ended->number });
}

static void put_slot_rights(struct handover_writer *w, const struct rights *rights, int dcid,
			    int index)
{
	put(w,
	    &(struct state_record){
		    .kind = HANDOVER_RIGHTS,
		    .number = (uint64_t)(&rights->in_state[dcid][index] - &rights->in_state[0][0]) +
			      1,
		    .rights = { dcid, index - SHM_TASKS, rights->of[dcid][index] } });
}

static void put_rights(struct handover_writer *w, const struct rights *rights, int dcid)
{
	static const priv_usr_t none;

	for (int index = 0; index < SHM_SLOTS; index++)
		if (memcmp(&rights->of[dcid][index], &none, sizeof(none)))
			put_slot_rights(w, rights, dcid, index);
}

static void put_link(struct handover_writer *w, const struct proxy *proxy, int peer)
{
	struct state_record record = { .kind = HANDOVER_LINK,
				       .number = (uint64_t)peer + 1,
				       .link = { .node = peer } };

	proxy_link_stats(proxy, peer, &record.link.stats);
	put_alone(w, &record);
}

int handover_kind_of(const struct request *request, const struct request *asker, uint64_t *number)
{
	assert(os_lock_protects());
	*number = 0;
	if (!request->head.magic)
		return STATE_REQUEST_UNREAD;
	if (request == asker)
		return STATE_REQUEST_RESTART;
	if (request->followed) {
		*number = request->followed->in_state.number;
		return STATE_REQUEST_FOLLOWER;
	}
	*number = (uint64_t)request->head.node;
	if ((request->to >= 0 || request->is_detached) && reattach_possible(request))
		return STATE_REQUEST_FORWARDED;
	return 0;
}

static bool put_request(struct handover_writer *w, const struct request *request,
			const struct request *asker)
{
	struct state_record record = { .kind = HANDOVER_REQUEST,
				       .number = request->in_state.number };
	struct ctl_request head = request->head;
	int kind;

	record.request = (struct state_request){ .fd = request->fd,
						 .generation = request->generation,
						 .data_sent = request->data_sent };
	kind = record.request.kind = handover_kind_of(request, asker, &record.request.number);
	/* For one that follows a death: these see their connection end, and others may have their numbers by then. */
	if (!asker && (!kind || kind == STATE_REQUEST_UNREAD))
		return false;
	/* All that there is has been sent to it: adoption_take_request(). */
	if (w->alone && kind == STATE_REQUEST_FOLLOWER)
		record.request.data_sent = 0;
	head.payload_bytes = 0; /* a command's arguments are of no more use */
	if (kind != STATE_REQUEST_UNREAD) {
		record.request.head = (const uint8_t *)&head;
		record.request.head_bytes = sizeof(head);
	}
	put(w, &record);
	return true;
}

void handover_put_head(struct handover_writer *w, const struct state_node *head)
{
	put_alone(w, &(struct state_record){ .kind = HANDOVER_NODE, .number = 1, .node = *head });
}

void handover_put_pages(struct handover_writer *w, struct exchange *exchange)
{
	exchange_walk(exchange, put_page, w);
}

void handover_put_directory(struct handover_writer *w, const struct order *order)
{
	put_directory(w, &order->directory);
}

void handover_put_group(struct handover_writer *w, const struct order *order)
{
	put_group(w, order->group);
}

void handover_put_tasks(struct handover_writer *w, const struct tasks *tasks)
{
	const struct ended *ended = NULL;

	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		if (w->alone && !tasks->order->directory.dc[dcid].generation)
			continue; /* there never was one */
		put_init(w, tasks, dcid);
		put_rights(w, &tasks->rights, dcid);
	}
	for (const struct task *task = tasks->all; task; task = task->next)
		put_task(w, task);
	for (const struct task *task = tasks->all; task; task = task->next)
		for (const struct binding *b = task->bindings; b; b = b->next_of_task)
			put_binding(w, b);
	while ((ended = ended_next(tasks, ended)))
		put_ended(w, ended_in_state(ended));
}

void handover_put_counters(struct handover_writer *w, const struct ctl_counters *counters)
{
	put_alone(w, &(struct state_record){
			     .kind = HANDOVER_COUNTERS, .number = 1, .counters = *counters });
}

void handover_put_links(struct handover_writer *w, const struct proxy *proxy,
			const struct order *order)
{
	for (int peer = 0; peer < NR_NODES; peer++)
		if (peer != order->self && order->directory.node[peer].up)
			put_link(w, proxy, peer);
		else
			put_no(w, HANDOVER_LINK, (uint64_t)peer + 1);
}

void handover_put_requests(struct handover_writer *w, const struct requests *requests,
			   const struct request *asker)
{
	for (const struct request *r = requests->clients; r; r = r->next_client)
		put_request(w, r, asker);
}

/* False: it is not to be left, and may have been before. */
static bool put_thing(struct handover_writer *w, const struct tasks *tasks,
		      const struct os_kept *thing)
{
	struct exchange_entry entry;
	int slot;

	switch ((enum handover_kind)thing->kind) {
	case HANDOVER_PAGE:
		exchange_entry_of(thing, &entry);
		put_page(w, &entry);
		return true;
	case HANDOVER_DIRECTORY:
		put_directory(w, &tasks->order->directory);
		return true;
	case HANDOVER_INIT:
		return put_changed_init(w, tasks, thing);
	case HANDOVER_TASK:
		return put_task(w, OS_KEPT_OWNER(thing, const struct task));
	case HANDOVER_BINDING:
		return put_binding(w, OS_KEPT_OWNER(thing, const struct binding));
	case HANDOVER_ENDED:
		put_ended(w, thing);
		return true;
	case HANDOVER_RIGHTS:
		slot = (int)(thing - &tasks->rights.in_state[0][0]);
		put_slot_rights(w, &tasks->rights, slot / SHM_SLOTS, slot % SHM_SLOTS);
		return true;
	case HANDOVER_REQUEST:
		return OS_KEPT_OWNER(thing, const struct request)->client_link &&
		       put_request(w, OS_KEPT_OWNER(thing, const struct request), NULL);
	case HANDOVER_NODE:
	case HANDOVER_GROUP:
	case HANDOVER_LINK:
	case HANDOVER_COUNTERS:
	case HANDOVER_GONE:
	case HANDOVER_COMMAND:
		break;
	}
	assert(false);
	return false;
}

static void put_command(struct handover_writer *w, const struct order_applied *applied)
{
	uint8_t bytes[COMMAND_BYTES];

	command_encode(&applied->command, bytes);
	put(w, &(struct state_record){ .kind = HANDOVER_COMMAND,
				       .number = applied->order,
				       .command = { bytes, sizeof(bytes) } });
}

void handover_put_changes(struct handover_writer *w, const struct tasks *tasks)
{
	const struct order *order = tasks->order;
	const struct os_kept_end *ends;
	unsigned count;

	assert(w->alone);
	assert(os_lock_protects());
	if (!order->in_state.link)
		for (unsigned i = 0; i < order->applied_count; i++)
			put_command(w, &order->applied[i]);
	for (const struct os_kept *thing = os_kept_changed(); thing; thing = thing->next)
		if (!put_thing(w, tasks, thing))
			put_gone(w, thing->kind, thing->number);
	if (!os_kept_ended(&ends, &count)) {
		w->error = -ENOBUFS;
		return;
	}
	for (unsigned i = 0; i < count; i++)
		put_gone(w, ends[i].kind, ends[i].number);
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

const uint8_t **handover_alone_at(struct handover_alone *alone, enum handover_kind kind,
				  uint64_t number)
{
	assert(number >= 1 && number <= (kind == HANDOVER_LINK ? NR_NODES : 1));
	return kind == HANDOVER_LINK ? &alone->link[number - 1] : &alone->record[kind];
}

ssize_t handover_write_into(handover_fill_fn *fill, void *ctx, void *out, size_t room,
			    struct handover_alone *alone)
{
	struct handover_writer w = { .alone = alone };

	assert(os_lock_protects());
	assert(alone);
	return write_into(&w, fill, ctx, out, room);
}

void handover_file_deinit(struct handover_file *file)
{
	file->fd = os_close(file->fd);
	free(file->fds);
	file->fds = NULL;
	file->fd_count = 0;
}

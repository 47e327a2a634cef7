/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/adopt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pages/exchange_adopt.h"
#include "node/task/ended.h"
#include "node/restart/handover.h"
#include "node/task/init.h"
#include "node/task/log.h"
#include "node/node.h"
#include "node/state/life.h"
#include "node/task/process.h"
#include "node/ask/reattach.h"
#include "node/ask/request.h"
#include "node/task/rights.h"
#include "os/clock.h"
#include "os/descriptors.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/memfd.h"
#include "os/self.h"
#include "os/socket.h"
#include "os/successor.h"

#define HOME_LIMIT_US 1000000

/* ---- the file ---- */

static int refuse_open(int r, uint32_t version, struct refusal *why)
{
	if (r == -EPROTONOSUPPORT)
		return refusal_set(why, EDVSPROTONOSUPPORT,
				   "the state is of version %u and this program takes version %u",
				   version, handover_version);
	if (r == -EPROTO)
		return refusal_set(why, EDVSPROTONOSUPPORT,
				   "what runs here speaks other versions of the pages or protocols "
				   "than this program");
	return refusal_set(why, EDVSGENERIC, "the state is damaged");
}

int adoption_open(struct adoption *a, int fd, struct refusal *why)
{
	ssize_t size = os_memfd_size(fd);
	struct handover_record record;
	size_t at = HANDOVER_HEAD_BYTES;
	uint32_t version;
	int r;

	*a = (struct adoption){ .fd = fd, .asker_fd = -1 };
	r = size <= 0 ? -EBADF : os_memfd_map(fd, (size_t)size, 0, &a->map);
	if (r < 0)
		return refusal_set(why, EDVSGENERIC, "descriptor %d holds no state", fd);
	a->size = a->bytes = (size_t)size;
	r = handover_open(a->map, a->bytes, &handover_own_versions, &version);
	if (r == 0 &&
	    (handover_next(a->map, a->bytes, &at, &record) <= 0 || record.kind != HANDOVER_NODE))
		r = -EBADMSG;
	if (r < 0)
		return refuse_open(r, version, why);
	a->head = record.node;
	return 0;
}

void adoption_close(struct adoption *a)
{
	a->map = os_memfd_unmap(a->map, a->size);
	a->fd = os_close(a->fd);
	free(a->asker);
	a->asker = NULL;
}

int adoption_check(const struct adoption *a, struct refusal *why)
{
	static struct directory directory; /* large */
	struct handover_record record;
	size_t at = HANDOVER_HEAD_BYTES;
	bool found = false;
	int r;

	while ((r = handover_next(a->map, a->bytes, &at, &record)) > 0) {
		if (record.kind != HANDOVER_DIRECTORY)
			continue;
		found = true;
		if (directory_decode(&directory, record.tail, record.tail_bytes) < 0)
			r = -EBADMSG;
		if (r < 0)
			break;
	}
	if (r < 0 || !found)
		return refusal_set(why, EDVSPROTONOSUPPORT,
				   "the state has something in it that this program does not know");
	return 0;
}

int adopt_check_main(int fd)
{
	struct refusal why = REFUSAL_NONE;
	struct adoption adoption;
	int r = adoption_open(&adoption, fd, &why);

	if (r == 0)
		r = adoption_check(&adoption, &why);
	adoption_close(&adoption);
	if (r < 0)
		fprintf(stderr, "%s\n", why.reason);
	return r < 0 ? 1 : 0;
}

/* ---- its parts ---- */

/* It is ours from now on, and nobody's after us. */
static int own(int fd)
{
	if (fd >= 0)
		os_successor_keep(fd, false);
	return fd;
}

static int take_page(struct adoption *a, struct node *node, const struct handover_page *page)
{
	struct exchange_entry entry = {
		.name = { .kind = page->kind,
			  .dcid = page->dcid,
			  .p_nr = page->p_nr,
			  .peer_nr = page->peer_nr,
			  .endpoint = { page->endpoint[0], page->endpoint[1] } },
		.fd = own(page->fd),
		.dev = page->dev,
		.ino = page->ino,
	};

	a->pages += entry.fd >= 0;
	return exchange_adopt(node->exchange, &entry);
}

int adoption_pages(struct adoption *a, struct node *node)
{
	size_t at = HANDOVER_HEAD_BYTES;
	struct handover_record record;
	int r = exchange_adopt_new(&node->exchange, node->options.id);

	own(a->head.control_fd);
	own(a->head.path_fd);
	own(a->head.link_fd);
	own(a->head.cgroup_fd);
	while (r == 0 && handover_next(a->map, a->bytes, &at, &record) > 0)
		if (record.kind == HANDOVER_PAGE)
			r = take_page(a, node, &record.page);
	if (r == 0 && !exchange_node_bell(node->exchange))
		r = -EBADF;
	return r;
}

int adoption_group(struct adoption *a, struct node *node, const struct group_callbacks *callbacks)
{
	size_t at = HANDOVER_HEAD_BYTES;
	struct handover_record record;
	struct group_place place;

	node->quorum = a->head.quorum;
	while (handover_next(a->map, a->bytes, &at, &record) > 0) {
		if (record.kind != HANDOVER_GROUP)
			continue;
		place = (struct group_place){ .fd = own(record.group.fd),
					      .started = record.group.started,
					      .joined = record.group.joined,
					      .order = record.group.order,
					      .in = record.tail,
					      .in_bytes = record.group.unread };
		place.out = place.in + place.in_bytes;
		place.out_bytes = record.tail_bytes - place.in_bytes;
		return group_adopt(&node->group, node->options.group_spec, node->options.id, &place,
				   callbacks);
	}
	return 0; /* it was lost before, and is */
}

static int take_init(struct node *node, const struct handover_init *init)
{
	struct dc_init_place place = { init->pid, own(init->pidfd), own(init->request_fd),
				       own(init->event_fd) };

	return node_adopt_init(node, init->dcid, &place);
}

static int take_log(struct node *node, const struct handover_log *log, struct proc_log **logp)
{
	struct proc_log_place place = { .read_fd = own(log->read_fd),
					.write_fd = own(log->write_fd),
					.ring_fd = own(log->ring_fd),
					.total = log->total,
					.start = log->start,
					.size = log->size,
					.limit = log->limit };

	*logp = NULL;
	return log->read_fd < 0 ? 0 : proc_log_adopt(node->loop, &place, logp);
}

static int take_process(struct adoption *a, struct node *node, const struct handover_process *p)
{
	struct process image = { .state = (enum process_state)p->state,
				 .dcid = p->dcid,
				 .p_nr = p->p_nr,
				 .endpoint = p->endpoint,
				 .generation = p->generation,
				 .lpid = p->lpid,
				 .tgid = p->tgid,
				 .vpid = p->vpid,
				 .pidns = p->pidns,
				 .pidfd = own(p->pidfd),
				 .managed = p->managed,
				 .ended = p->ended,
				 .backup = p->backup,
				 .wait_status = p->wait_status };
	struct process *process;
	struct proc_log *log;
	int r = take_log(node, &p->log, &log);

	memcpy(image.name, p->name, sizeof(image.name));
	memcpy(image.cgroup, p->cgroup, sizeof(image.cgroup));
	if (p->status_fd >= 0)
		image.status = exchange_adopted_status(node->exchange, p->status_fd);
	if (r == 0 && p->status_fd >= 0 && !image.status)
		r = -EBADF;
	if (r == 0)
		r = process_adopt(node, &image, &process);
	if (r == 0 && log)
		process_take_log(process, log, p->log.before);
	a->processes++;
	return r;
}

static int take_ended(struct node *node, const struct handover_ended *ended)
{
	struct ctl_ended_row row = { .dcid = ended->dcid,
				     .p_nr = ended->p_nr,
				     .node = ended->node,
				     .lpid = ended->lpid,
				     .vpid = ended->vpid,
				     .wait_status = ended->wait_status,
				     .reason = (int32_t)ended->reason,
				     .generation = ended->generation,
				     .ended_ns = (int64_t)ended->ended_ns };
	struct proc_log *log;
	int r = take_log(node, &ended->log, &log);

	memcpy(row.name, ended->name, sizeof(row.name));
	return r < 0 ? r : ended_adopt(node, &row, log, ended->log.before);
}

static int take_rights(struct node *node, const struct handover_record *record)
{
	priv_usr_t *rights = &node->priv[record->rights.dcid][shm_index(record->rights.p_nr)];

	if (record->tail_bytes != sizeof(*rights))
		return -EBADMSG;
	memcpy(rights, record->tail, sizeof(*rights));
	return 0;
}

/* The links' other ends are known by the table; the links themselves begin anew. */
static int take_directory(struct node *node, const struct handover_record *record)
{
	int r = directory_decode(&node->directory, record->tail, record->tail_bytes);
	int self = node->options.id;

	if (r < 0)
		return r;
	life_link_up(node, self);
	for (int i = 0; i < NR_NODES; i++) {
		if (node->directory.node[i].up && i != self)
			life_link_up(node, i);
	}
	return 0;
}

static int take_link(struct node *node, const struct handover_link *link)
{
	struct proxy_link_stats stats = { .epoch = link->epoch,
					  .frames_sent = link->frames_sent,
					  .frames_received = link->frames_received,
					  .bytes_sent = link->bytes_sent,
					  .bytes_received = link->bytes_received,
					  .dropped = link->dropped,
					  .sent_ns = link->sent_ns,
					  .received_ns = link->received_ns };

	proxy_link_carry(node->proxy, link->node, &stats);
	return 0;
}

static void take_asker(struct adoption *a, int fd, const struct handover_record *record)
{
	a->asker = malloc(record->tail_bytes);
	a->asker_fd = fd;
	if (a->asker)
		memcpy(a->asker, record->tail, record->tail_bytes);
}

static struct process *process_number(struct node *node, uint32_t number)
{
	struct process *p = node->processes;

	while (p && number--)
		p = p->next;
	return p;
}

/* A client that cannot be kept sees its connection end. */
static int take_request(struct adoption *a, struct node *node, const struct handover_record *record)
{
	const struct handover_request *from = &record->request;
	struct process *process = process_number(node, from->process);
	struct request *request;
	int fd = own(from->fd);

	if (from->kind == HANDOVER_REQUEST_RESTART) {
		take_asker(a, fd, record);
		return 0;
	}
	request = request_adopt(node, fd, record->tail, record->tail_bytes);
	if (!request)
		return 0;
	request->data_sent = from->data_sent;
	request->answered = true;
	if (from->kind == HANDOVER_REQUEST_FOLLOWER && process)
		process_follow(process, request);
	else if (from->kind == HANDOVER_REQUEST_FORWARDED)
		reattach_adopt(request, (int)from->process, from->generation);
	else
		request_end(request, 0, NULL, 0, NULL, 0);
	return 0;
}

static int take(struct adoption *a, struct node *node, const struct handover_record *record)
{
	switch (record->kind) {
	case HANDOVER_NODE:
	case HANDOVER_GROUP:
	case HANDOVER_PAGE:
		return 0; /* before */
	case HANDOVER_DIRECTORY:
		return take_directory(node, record);
	case HANDOVER_INIT:
		return take_init(node, &record->init);
	case HANDOVER_PROCESS:
		return take_process(a, node, &record->process);
	case HANDOVER_ENDED:
		return take_ended(node, &record->ended);
	case HANDOVER_RIGHTS:
		return take_rights(node, record);
	case HANDOVER_LINK:
		return take_link(node, &record->link);
	case HANDOVER_REQUEST:
		return take_request(a, node, record);
	}
	return -EBADMSG;
}

int adoption_rest(struct adoption *a, struct node *node)
{
	size_t at = HANDOVER_HEAD_BYTES;
	struct handover_record record;
	int r;

	while ((r = handover_next(a->map, a->bytes, &at, &record)) > 0) {
		r = take(a, node, &record);
		if (r < 0)
			return r;
	}
	for (struct process *p = node->processes; p; p = p->next)
		if (p->status && !p->backup)
			rights_show(p);
	/* They are raised all the time, or a program with many descriptors could not even be loaded. */
	os_descriptors_inherit(&(struct os_descriptors){ a->head.soft, a->head.hard });
	node->next_request = a->head.next_request;
	node->restarts = a->head.restarts;
	cgroup_adopt(node, a->head.cgroup_fd);
	node->debug_level = a->head.debug_level;
	memcpy(node->dvs_name, a->head.dvs_name, sizeof(node->dvs_name));
	node->ready_told = true;
	return r;
}

/* ---- the answer ---- */

struct homecoming {
	struct request *request;
	struct os_source *timer;
	uint64_t paused_ns;
	struct ctl_restart answer;
};

static unsigned links_down(const struct node *node)
{
	unsigned down = 0;

	for (int peer = 0; peer < NR_NODES; peer++) {
		struct proxy_link_stats stats;

		if (peer == node->options.id || !node->directory.node[peer].up)
			continue;
		proxy_link_stats(node->proxy, peer, &stats);
		down += !stats.up;
	}
	return down;
}

static void be_home(void *ctx)
{
	struct node *node = ctx;
	struct homecoming *home = node->homecoming;

	home->answer.links_down = links_down(node);
	home->answer.linked_ns = (uint64_t)os_now_ns() - home->paused_ns;
	os_source_free(home->timer);
	node->homecoming = NULL;
	request_end(home->request, 0, &home->answer, sizeof(home->answer), NULL, 0);
	free(home);
}

void adoption_on_link(struct node *node)
{
	if (node->homecoming && !links_down(node))
		be_home(node);
}

/* Who restarts one node after the other is not to find the links of the last one down. */
static void come_home(struct adoption *a, struct node *node, const struct ctl_restart *answer)
{
	struct request *request = request_adopt(node, a->asker_fd, a->asker, sizeof(*a->asker));

	if (!request)
		return;
	node->homecoming = malloc(sizeof(*node->homecoming));
	if (!node->homecoming) {
		request_end(request, 0, answer, sizeof(*answer), NULL, 0);
		return;
	}
	*node->homecoming = (struct homecoming){ .request = request,
						 .paused_ns = a->head.paused_ns,
						 .answer = *answer };
	if (os_source_timer(node->loop, HOME_LIMIT_US, be_home, node, &node->homecoming->timer) < 0)
		be_home(node);
	else
		adoption_on_link(node);
}

void adoption_answer(struct adoption *a, struct node *node)
{
	uint64_t now = (uint64_t)os_now_ns();
	struct ctl_restart answer = { .nodeid = node->options.id,
				      .pid = os_self_pid(),
				      .restarts = node->restarts,
				      .processes = a->processes,
				      .pages = a->pages,
				      .state_bytes = a->bytes,
				      .total_ns = now - a->head.asked_ns,
				      .paused_ns = now - a->head.paused_ns };

	os_log(OS_LOG_INFO, "node %d goes on as its own successor: %u processes, %u pages, %.2f ms",
	       node->options.id, a->processes, a->pages, (double)answer.paused_ns / 1e6);
	if (a->asker_fd >= 0 && a->asker)
		come_home(a, node, &answer);
}

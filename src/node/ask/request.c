/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/request.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/refusal.h"
#include "node/ask/outbox.h"
#include "node/ask/share.h"
#include "node/state/counters.h"
#include "node/state/order.h"
#include "os/clock.h"
#include "os/descriptors.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/socket.h"
#include "wire/handover.h"

#define FIRST_WORDS_NS INT64_C(10000000000) /* a client connects and asks in one breath */

/*
 * A client that goes away is noticed by its socket becoming readable (end of file); the keeper of its request is then
 * told by `cancelled`.
 */

struct request *request_new(struct requests *requests)
{
	struct request *request = calloc(1, sizeof(*request));

	assert(os_lock_protects());
	if (request) {
		request->requests = requests;
		request->fd = request->pidfd = request->from = request->to = -1;
	}
	return request;
}

void request_keep(struct request **list, struct request *request, void *keeper,
		  void (*cancelled)(struct request *request))
{
	assert(!request->cancelled);
	assert(os_lock_protects());
	/* It may wait for long, and no client has two descriptors of the daemon for so long. */
	request->pidfd = os_close(request->pidfd);
	request->keeper = keeper;
	request->cancelled = cancelled;
	request->next_kept = *list;
	*list = request;
}

bool request_unkeep(struct request **list, const struct request *request)
{
	assert(os_lock_protects());
	for (struct request **link = list; *link; link = &(*link)->next_kept) {
		if (*link == request) {
			*link = request->next_kept;
			return true;
		}
	}
	return false;
}

static void client_link(struct request *request, int fd)
{
	struct requests *requests = request->requests;

	assert(!request->client_link);
	request->fd = fd;
	request->next_client = requests->clients;
	request->client_link = &requests->clients;
	if (requests->clients)
		requests->clients->client_link = &request->next_client;
	requests->clients = request;
}

static void client_unlink(struct request *request)
{
	if (!request->client_link)
		return;
	*request->client_link = request->next_client;
	if (request->next_client)
		request->next_client->client_link = request->client_link;
	request->client_link = NULL;
}

void request_note(struct request *request)
{
	if (request->in_state.number)
		os_kept_note(&request->in_state);
	else if (request->followed || request->head.flags & CTL_FLAG_FOLLOW)
		os_kept_begin(&request->in_state, HANDOVER_REQUEST);
}

static void request_free(struct request *request)
{
	assert(!request->patience);
	assert(request->to < 0);
	if (request->freed)
		request->freed(request);
	os_kept_end(&request->in_state);
	client_unlink(request);
	os_source_free(request->source);
	os_close(request->pidfd);
	if (request->fd >= 0 && request->outbox)
		outbox_finish(request->outbox);
	else if (request->fd >= 0)
		os_close(request->fd);
	if (request->counted)
		share_give(&request->requests->shares, request->uid, SHARE_REQUESTS);
	free(request->payload);
	free(request);
}

/* To a client of ours, at once or when it has read what came before. Descriptors go at once or not at all. */
static int send_to_client(struct request *request, const struct iovec *parts, int count,
			  const int *fds, int fds_count)
{
	int r = request->outbox ? -EAGAIN
				: os_packet_sendv(request->fd, parts, count, fds, fds_count);

	if (r != -EAGAIN || fds_count)
		return r;
	return outbox_add(&request->outbox, request->requests->loop, request->fd, parts, count);
}

static void send_packet(struct request *request, struct ctl_reply *reply, const void *payload,
			const int *fds)
{
	struct iovec parts[2] = { { reply, sizeof(*reply) },
				  { (void *)(uintptr_t)payload, reply->payload_bytes } };

	reply->magic = CTL_MAGIC;
	if (request->told) {
		reply->fds = 0;
		request->told(request->asker, request->head.node, reply, payload);
		return;
	}
	if (request->fd >= 0 && send_to_client(request, parts, 2, fds, reply->fds) < 0) {
		os_log(OS_LOG_DEBUG, "a control client went away, or does not read");
		/* A gap in the answer would go unnoticed; the end of the connection does not. */
		os_shutdown(request->fd);
	}
}

void request_pass(struct request *request, struct ctl_reply *reply, const void *payload)
{
	bool last = reply->packet == CTL_END;

	assert(os_lock_protects());
	assert(!reply->fds);
	send_packet(request, reply, payload, NULL);
	if (last)
		request_free(request);
}

void request_row(struct request *request, const void *row, uint32_t bytes)
{
	struct ctl_reply reply = { .packet = CTL_ROW, .payload_bytes = bytes };

	assert(os_lock_protects());
	send_packet(request, &reply, row, NULL);
}

void request_data(struct request *request, const void *data, uint32_t bytes)
{
	const uint8_t *at = data;

	assert(os_lock_protects());
	while (bytes) {
		uint32_t part = bytes > 32768 ? 32768 : bytes;
		struct ctl_reply reply = { .packet = CTL_DATA, .payload_bytes = part };

		request->data_sent += part;
		reply.value = (int64_t)request->data_sent;
		send_packet(request, &reply, at, NULL);
		at += part;
		bytes -= part;
	}
}

void request_end(struct request *request, int64_t value, const void *payload, uint32_t bytes,
		 const int *fds, int fds_count)
{
	struct ctl_reply reply = { .packet = CTL_END,
				   .payload_bytes = bytes,
				   .value = value,
				   .fds = (uint16_t)fds_count };

	assert(!fds_count || fds);
	assert(os_lock_protects());
	if (fds_count && request->fd >= 0 && !request_caller_is_there(request)) {
		request_fail_gone(request);
		return;
	}
	send_packet(request, &reply, payload, fds);
	request_free(request);
}

void request_refuse(struct request *request, const struct refusal *refusal)
{
	int error = result_checked(refusal->error);
	struct ctl_reply reply = { .packet = CTL_END, .value = error, .error = error };

	assert(os_lock_protects());
	snprintf(reply.sentence, sizeof(reply.sentence), "%s", refusal->reason);
	counters_refused(request->requests->counters, error);
	send_packet(request, &reply, NULL, NULL);
	request_free(request);
}

void request_fail_number(struct request *request, int error, const char *format, ...)
{
	struct refusal why = REFUSAL_NONE;
	va_list ap;

	va_start(ap, format);
	refusal_set_va(&why, error, format, ap);
	va_end(ap);
	request_refuse(request, &why);
}

void request_fail_share(struct request *request, enum share_kind kind)
{
	request_fail(
		request, EDVSUSERFULL,
		"uid %u has %u %s under way on node %d, as many as one user may: try again when "
		"one of them has ended",
		request->uid, share_most(kind), share_noun(kind), request->requests->order->self);
}

void request_fail_errno(struct request *request, int number, const char *format, ...)
{
	struct refusal why = REFUSAL_NONE;
	va_list ap;

	va_start(ap, format);
	refusal_set_va(&why, result_of_errno(number), format, ap);
	va_end(ap);
	request_refuse(request, &why);
}

/* The client closed: the keeper of the request is told. */
static void client_gone(struct request *request)
{
	assert(request->fd >= 0);
	request->source = os_source_free(request->source);
	request->outbox = outbox_drop(request->outbox);
	request_note(request);
	client_unlink(request);
	os_close(request->fd);
	request->fd = -1;
	if (request->cancelled)
		request->cancelled(request);
}

int request_parse(struct request *request, const uint8_t *packet, size_t len)
{
	if (len < sizeof(request->head))
		return -EBADMSG;
	memcpy(&request->head, packet, sizeof(request->head));
	if (request->head.magic != CTL_MAGIC || request->head.version != CTL_VERSION ||
	    request->head.payload_bytes != len - sizeof(request->head))
		return -EBADMSG;
	request->head.name[sizeof(request->head.name) - 1] = 0;
	if (!request->head.payload_bytes)
		return 0;
	request->payload = malloc(request->head.payload_bytes);
	if (!request->payload)
		return -ENOMEM;
	memcpy(request->payload, packet + sizeof(request->head), request->head.payload_bytes);
	return 0;
}

/* First the request, later only that it is cancelled, and the end of file. */
static void on_client(void *ctx, int fd, int events)
{
	static uint8_t packet[CTL_PACKET_MAX]; /* under the node lock */
	struct request *request = ctx;
	ssize_t len = os_packet_recv(fd, packet, sizeof(packet), NULL, NULL);

	(void)events;
	if (len == -EAGAIN)
		return;
	if (request->head.magic || len <= 0) {
		if (len > 0 &&
		    (request->head.call == CTL_MOVE || request->head.call == CTL_CHECKPOINT) &&
		    request->cancelled)
			request->cancelled(request);
		else if (request->head.magic)
			client_gone(request);
		else
			request_free(request);
		return;
	}
	if (request_parse(request, packet, (size_t)len) < 0) {
		request_fail(request, EDVSVERSION,
			     "the request is not of control protocol version %d: use the dvs and "
			     "libdvk of the same release as the daemon",
			     CTL_VERSION);
		return;
	}
	request->requests->dispatch(request);
}

/* The oldest that has said nothing: of a user, or of anybody (-1), of root only if there is no other. */
static struct request *oldest_silent(struct requests *requests, int64_t uid)
{
	struct request *found = NULL;

	for (struct request *r = requests->clients; r; r = r->next_client) {
		if (r->head.magic || (uid >= 0 && r->uid != (uid_t)uid))
			continue;
		if (!found || r->uid != 0 || found->uid == 0)
			found = r; /* the newest comes first */
	}
	return found;
}

bool request_evict_silent(struct requests *requests)
{
	struct request *request = oldest_silent(requests, -1);

	assert(os_lock_protects());
	if (request)
		request_free(request);
	return request;
}

bool request_drop_overdue(struct requests *requests)
{
	int64_t limit = os_now_ns() - FIRST_WORDS_NS;
	struct request *request;
	bool more = false;

	assert(os_lock_protects());
	for (request = requests->clients; request;) {
		struct request *next = request->next_client;

		if (!request->head.magic && request->since_ns <= limit)
			request_free(request);
		else if (!request->head.magic)
			more = true;
		request = next;
	}
	return more;
}

static bool has_too_many(const struct requests *requests, uid_t uid)
{
	uint64_t have = 0;

	if (uid == 0)
		return false;
	for (const struct request *r = requests->clients; r; r = r->next_client)
		have += r->uid == uid;
	return have > os_descriptors_part();
}

bool request_caller_is_there(struct request *request)
{
	struct os_peer peer = { request->pid, request->uid, request->gid, request->start };

	return request->fd >= 0 && os_peer_is_there(request->fd, &peer, &request->pidfd);
}

void request_fail_gone(struct request *request)
{
	request_fail(request, EDVSBADPID,
		     "the process that made this connection has ended, or has another user now: "
		     "connect again");
}

void request_fail_outside(struct request *request, int error, int node, int dcid)
{
	assert(error == EDVSDCNODE || error == EDVSNODCNODE);
	request_fail_number(request, error,
			    "node %d does not belong to DC %d: add it with dvs dc add %d %d", node,
			    dcid, dcid, node);
}

/* Of a user in many groups those count that a question may be judged by: of the daemon's users, and of the DCs. */
static void know_groups(struct request *request)
{
	const struct directory *directory = &request->requests->order->directory;
	uint32_t wanted[SHM_DCS + 1], *all;
	size_t count = os_unix_peer_groups(request->fd, &all), most = 0;

	wanted[most++] = request->requests->users;
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		if (directory->dc[dcid].running)
			wanted[most++] = directory->dc[dcid].owner.gid;
	right_take_groups(&request->user, all, count, wanted, most);
	free(all);
}

/* NULL: it was turned away. */
static struct request *take_in(struct requests *requests, int fd, const struct os_peer *peer)
{
	struct request *request = request_new(requests), *silent;
	struct os_peer watched = *peer;

	if (!request) {
		os_close(fd);
		return NULL;
	}
	client_link(request, fd);
	request->pid = peer->pid;
	request->uid = peer->uid;
	request->gid = peer->gid;
	know_groups(request);
	os_peer_watch(fd, &watched);
	request->start = watched.start;
	request->since_ns = os_now_ns();
	if (has_too_many(requests, request->uid)) {
		silent = oldest_silent(requests, request->uid);
		if (silent == request) { /* all others wait for answers */
			request_fail(request, EDVSUSERFULL,
				     "uid %u has as many connections to this daemon as one user "
				     "may: end programs that wait in one",
				     peer->uid);
			return NULL;
		}
		request_free(silent);
	}
	if (os_source_io(requests->loop, fd, OS_READ, on_client, request, &request->source) == 0)
		return request;
	request_free(request);
	return NULL;
}

/* A client connects and asks in one breath: its request is mostly there already. */
void request_accept(struct requests *requests, int fd, const struct os_peer *peer)
{
	struct request *request = take_in(requests, fd, peer);

	assert(os_lock_protects());
	if (request)
		on_client(request, fd, OS_READ);
}

struct request *request_adopt(struct requests *requests, int fd, const void *packet, size_t len)
{
	struct request *request;
	struct os_peer peer;

	assert(os_lock_protects());
	if (os_unix_peer(fd, &peer) < 0) {
		os_close(fd);
		return NULL;
	}
	request = take_in(requests, fd, &peer);
	if (!request || !len)
		return NULL;
	if (request_parse(request, packet, len) == 0)
		return request;
	request_free(request);
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "core/again.h"
#include "os/options.h"
#include "os/file.h"
#include "os/self.h"
#include "os/socket.h"

#define CONNECT_MS    2000
#define ANSWER_MS     30000
#define LAB_NODES_MAX NR_NODES
#define ASKED_MAX     4 /* times, as daemons die */

struct ctl_request client_request(enum ctl_call call)
{
	return (struct ctl_request){
		.magic = CTL_MAGIC,
		.version = CTL_VERSION,
		.call = (uint16_t)call,
		.node = -1,
		.dcid = -1,
		.endpoint = NONE,
		.pid = PROC_NO_PID,
		.nodeid = -1,
		.timeout_ms = -1,
	};
}

static int connect_lab_node(int node)
{
	char path[64];

	snprintf(path, sizeof(path), LAB_FOLDER "/node%d.sock", node);
	return os_unix_connect_trusted(path, OS_PACKET, CONNECT_MS);
}

/* The daemon of this network namespace; where there is none, the one that the path leads to. */
static int connect_here(void)
{
	int fd = os_unix_connect_trusted("@" CTL_ABSTRACT_NAME, OS_PACKET, CONNECT_MS);
	const char *path = getenv(CTL_SOCKET_VARIABLE);
	int other;

	if (fd != -ECONNREFUSED)
		return fd;
	other = os_unix_connect_trusted(path ? path : CTL_SOCKET_PATH, OS_PACKET, CONNECT_MS);
	return other == -EINVAL || other == -ENOENT ? fd : other;
}

/* $DVS_NODE, if it says anything. */
static int node_of_environment(int *node, struct refusal *refusal)
{
	const char *text = getenv("DVS_NODE");

	if (!text || !*text)
		return 0;
	if (!options_number(text, 0, NR_NODES - 1, node))
		return refusal_set(refusal, EDVSBADNODEID,
				   "DVS_NODE=%.20s is no node: give it a number from 0 to %d", text,
				   NR_NODES - 1);
	return 0;
}

static int refuse_connect(struct refusal *refusal, int node, int error)
{
	assert(error < 0);
	if (error == -EKEYREJECTED)
		return refusal_set(
			refusal, EDVSBADOWNER,
			"the daemon's socket is held by another user than root, which was told nothing: "
			"find that process (ss -xlp) and end it");
	if (error == -EMFILE || error == -ENFILE)
		return refusal_set(
			refusal, EDVSMFILE,
			"no descriptor is left to ask the daemon with: raise the limit (ulimit -n)");
	if (error == -EACCES || error == -EPERM)
		return refusal_set(refusal, EDVSPERM,
				   "the daemon may not be asked by this user: use sudo");
	if (node >= 0 && os_folder_exists(LAB_FOLDER)) {
		if (error == -ENOENT)
			return refusal_set(refusal, EDVSBADNODEID,
					   "node %d is not in the lab: `dvs lab status` shows "
					   "its nodes",
					   node);
		return refusal_set(refusal, EDVSNONODE,
				   "node %d does not answer, its daemon has ended: `dvs lab start "
				   "%d` starts it again",
				   node, node);
	}
	return refusal_set(refusal, EDVSDVSINIT,
			   "no daemon runs here: start dvsd, or a cluster on this machine with "
			   "`dvs lab up`");
}

/* Nobody was named: this namespace's daemon, or the first of the lab that answers. */
static int connect_any(void)
{
	int fd = connect_here();

	for (int node = 0; fd < 0 && fd != -EACCES && fd != -EKEYREJECTED && node < LAB_NODES_MAX;
	     node++) {
		int next = connect_lab_node(node);

		if (next >= 0 || next != -ENOENT)
			fd = next;
	}
	return fd;
}

int client_open(struct client *client, int node, struct refusal *refusal)
{
	int r, fd;

	*client = (struct client){ .fd = -1, .pass_on = -1, .asked = -1 };
	if (node < 0) {
		r = node_of_environment(&node, refusal);
		if (r < 0)
			return r;
	}
	client->asked = node;
	if (node < 0) {
		fd = connect_any();
	} else if (os_folder_exists(LAB_FOLDER)) {
		fd = connect_lab_node(node);
	} else {
		fd = connect_here();
		client->pass_on = node;
	}
	if (fd < 0)
		return refuse_connect(refusal, node, fd);
	client->packet = malloc(CTL_PACKET_MAX);
	if (!client->packet) {
		os_close(fd);
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	}
	client->fd = fd;
	return 0;
}

void client_close(struct client *client)
{
	assert(client->packet || client->fd < 0);
	client->fd = os_close(client->fd);
	free(client->packet);
	client->packet = NULL;
}

/* The errors of a connection whose other end is gone. */
static bool is_end(ssize_t r)
{
	return r == -ECONNRESET || r == -EPIPE;
}

int client_send(struct client *client, struct ctl_request *request, const void *payload,
		size_t payload_bytes, struct refusal *refusal)
{
	struct iovec parts[2] = {
		{ .iov_base = request, .iov_len = sizeof(*request) },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = payload_bytes },
	};
	int r;

	assert(client->fd >= 0);
	assert(!payload_bytes || payload);
	if (sizeof(*request) + payload_bytes > CTL_PACKET_MAX)
		return refusal_set(refusal, EDVS2BIG,
				   "arguments and environment take %zu bytes, %d fit in a request: "
				   "use env -i or fewer arguments",
				   payload_bytes, CTL_PACKET_MAX);
	if (client->pass_on >= 0)
		request->node = client->pass_on;
	request->payload_bytes = (uint32_t)payload_bytes;
	r = os_packet_sendv(client->fd, parts, payload_bytes ? 2 : 1, NULL, 0);
	client->is_cut = is_end(r);
	if (r < 0)
		return refusal_set(refusal, EDVSCONNRESET,
				   "the daemon ended the conversation (%s): see its log",
				   strerror(-r));
	return 0;
}

static int refuse_receive(struct client *client, ssize_t r, struct refusal *refusal)
{
	char who[32] = "the daemon";

	if (client->asked >= 0)
		snprintf(who, sizeof(who), "the daemon of node %d", client->asked);
	if (r == -EINTR)
		return refusal_set(refusal, EDVSINTR, "interrupted");
	if (r == -ETIMEDOUT)
		return refusal_set(refusal, EDVSTIMEDOUT,
				   "%s did not answer within %d s: see its log", who,
				   ANSWER_MS / 1000);
	return refusal_set(refusal, EDVSCONNRESET, "%s ended before it had answered: see its log",
			   who);
}

int client_next(struct client *client, struct ctl_reply **replyp, const void **payload,
		size_t *payload_bytes, int timeout_ms, struct refusal *refusal)
{
	struct ctl_reply *reply = (struct ctl_reply *)(void *)client->packet;
	ssize_t len = os_self_wait(client->fd, timeout_ms);

	assert(client->fd >= 0 && client->packet);
	if (!len)
		len = os_packet_recv(client->fd, client->packet, CTL_PACKET_MAX, NULL, NULL);
	client->is_cut = !len || is_end(len);
	if (len <= 0)
		return refuse_receive(client, len, refusal);
	if ((size_t)len < sizeof(*reply) || reply->magic != CTL_MAGIC ||
	    reply->payload_bytes != (size_t)len - sizeof(*reply))
		return refusal_set(refusal, EDVSPACKSIZE,
				   "the daemon speaks another version of the control protocol: "
				   "update both");
	*replyp = reply;
	*payload = client->packet + sizeof(*reply);
	*payload_bytes = reply->payload_bytes;
	if (reply->packet == CTL_END && reply->error < 0)
		return refusal_set_number(refusal, reply->error, "%.*s", CTL_SENTENCE - 1,
					  reply->sentence);
	return reply->packet;
}

void client_copy(void *to, size_t size, const void *from, size_t bytes)
{
	memset(to, 0, size);
	memcpy(to, from, bytes < size ? bytes : size);
}

/* Appends one row, whatever length it came in, to an array that grows by doubling. */
static int keep_row(void **rows, size_t *count, size_t row_bytes, const void *row, size_t bytes,
		    struct refusal *refusal)
{
	uint8_t *at = *rows;

	assert(row_bytes);
	if ((*count & (*count - 1)) == 0) {
		at = realloc(*rows, row_bytes * (*count ? *count * 2 : 1));
		if (!at)
			return refusal_set(refusal, EDVSNOMEM, "out of memory");
		*rows = at;
	}
	client_copy(at + *count * row_bytes, row_bytes, row, bytes);
	++*count;
	return 0;
}

bool client_is_asked_again(const struct client *client, const struct ctl_request *request,
			   unsigned *times, struct refusal *refusal)
{
	assert(*times < ASKED_MAX);
	if (!client->is_cut || !again_is_harmless(request->call) || ++*times == ASKED_MAX)
		return false;
	refusal_clear(refusal);
	return true;
}

/* One conversation: rows and the END. */
static int take_rows(struct client *client, struct ctl_request *request, size_t row_bytes,
		     void **rows, size_t *count, struct refusal *refusal)
{
	/* Moving processes takes as long as it takes; everything else is a look into a table. */
	int limit = request->call == CTL_MOVE || request->call == CTL_DRAIN ? -1 : ANSWER_MS;
	struct ctl_reply *reply;
	const void *payload;
	size_t bytes;
	int r = client_send(client, request, NULL, 0, refusal);

	while (r >= 0) {
		r = client_next(client, &reply, &payload, &bytes, limit, refusal);
		if (r == CTL_END)
			break;
		if (r == CTL_ROW)
			r = keep_row(rows, count, row_bytes, payload, bytes, refusal);
	}
	return r < 0 ? r : 0;
}

int client_rows(int node, struct ctl_request *request, size_t row_bytes, void **rows, size_t *count,
		struct refusal *refusal)
{
	struct client client;
	unsigned times = 0;
	int r;

	*rows = NULL;
	do {
		free(*rows);
		*rows = NULL;
		*count = 0;
		r = client_open(&client, node, refusal);
		if (r < 0)
			return r;
		r = take_rows(&client, request, row_bytes, rows, count, refusal);
		client_close(&client);
	} while (r < 0 && client_is_asked_again(&client, request, &times, refusal));
	return r;
}

int client_call(int node, struct ctl_request *request, const void *payload, size_t payload_bytes,
		void *answer, size_t answer_bytes, struct refusal *refusal)
{
	struct client client;
	struct ctl_reply *reply;
	unsigned times = 0;
	const void *got;
	size_t bytes;
	int r;

	assert(answer || !answer_bytes);
	do {
		r = client_open(&client, node, refusal);
		if (r < 0)
			return r;
		r = client_send(&client, request, payload, payload_bytes, refusal);
		while (r >= 0 && r != CTL_END)
			r = client_next(&client, &reply, &got, &bytes, ANSWER_MS, refusal);
		if (r == CTL_END && answer)
			client_copy(answer, answer_bytes, got, bytes);
		client_close(&client);
	} while (r < 0 && client_is_asked_again(&client, request, &times, refusal));
	return r < 0 ? r : 0;
}

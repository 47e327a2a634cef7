/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/launch.h"
#include "os/self.h"

#define ANSWER_MS 30000

struct payload {
	char *bytes;
	size_t size, length;
	bool full;
};

static void put_string(struct payload *payload, const char *text)
{
	size_t bytes = strlen(text) + 1;

	assert(payload->length <= payload->size);
	payload->full |= bytes > payload->size - payload->length;
	if (payload->full)
		return;
	memcpy(payload->bytes + payload->length, text, bytes);
	payload->length += bytes;
}

/* About the caller's place, and not about the new process's. */
static bool is_of_place(const char *variable)
{
	return !strncmp(variable, "DVS_NODE=", 9) ||
	       !strncmp(variable, CTL_SOCKET_VARIABLE "=", sizeof(CTL_SOCKET_VARIABLE));
}

int launch_encode(const struct launch *launch, char *bytes, size_t size, size_t *len,
		  struct refusal *refusal)
{
	struct ctl_run run = { .log_bytes = (uint32_t)launch->log_bytes };
	struct payload payload = { .bytes = bytes, .size = size, .length = sizeof(run) };
	char cwd[4096];

	assert(launch->argv[0]);
	assert(size >= sizeof(run));
	if (os_self_cwd(cwd, sizeof(cwd)) < 0)
		return refusal_set(refusal, EDVSNOENT,
				   "the working folder has been removed: change to another");
	run.umask = launch->umask == LAUNCH_UMASK_OWN ? os_self_umask() : launch->umask;
	for (char **arg = launch->argv; *arg; arg++, run.argc++)
		put_string(&payload, *arg);
	for (char **env = os_self_environment(); *env; env++) {
		if (is_of_place(*env))
			continue;
		put_string(&payload, *env);
		run.envc++;
	}
	put_string(&payload, cwd);
	if (payload.full)
		return refusal_set(
			refusal, EDVS2BIG,
			"arguments and environment are longer than %zu bytes: use env -i "
			"or fewer arguments",
			size);
	memcpy(bytes, &run, sizeof(run));
	*len = payload.length;
	return 0;
}

static int await_row(struct client *client, struct ctl_run_row *row, struct refusal *refusal)
{
	struct ctl_reply *reply;
	const void *data;
	size_t bytes;
	int r = client_next(client, &reply, &data, &bytes, ANSWER_MS, refusal);

	if (r < 0)
		return r;
	if (r != CTL_ROW || bytes < sizeof(*row))
		return refusal_set(refusal, EDVSPACKSIZE,
				   "the daemon speaks another version of the control protocol: "
				   "update both");
	memcpy(row, data, sizeof(*row));
	return 0;
}

static int ask(const struct launch *launch, struct client *client, const char *payload,
	       size_t payload_bytes, struct ctl_run_row *row, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_RUN);
	int r = client_open(client, launch->node, refusal);

	if (r < 0)
		return r;
	if (launch->wait)
		os_self_catch_interrupt();
	request.dcid = launch->dcid;
	request.endpoint = launch->endpoint;
	request.cmd = launch->bind_type;
	request.nodeid = launch->primary;
	request.flags =
		(launch->wait ? CTL_FLAG_FOLLOW : 0) | (launch->unbound ? CTL_FLAG_UNBOUND : 0);
	r = client_send(client, &request, payload, payload_bytes, refusal);
	if (r >= 0)
		r = await_row(client, row, refusal);
	if (r < 0)
		client_close(client);
	return r;
}

int launch_start(const struct launch *launch, struct client *client, struct ctl_run_row *row,
		 struct refusal *refusal)
{
	char *payload = malloc(CTL_PACKET_MAX);
	size_t len;
	int r;

	if (!payload)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	r = launch_encode(launch, payload, CTL_PACKET_MAX, &len, refusal);
	if (r >= 0)
		r = ask(launch, client, payload, len, row, refusal);
	free(payload);
	return r;
}

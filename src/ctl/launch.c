/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/launch.h"
#include "ctl/render.h"
#include "ctl/stream.h"
#include "ctl/verb.h"
#include "os/self.h"

#define ANSWER_MS   30000
#define INTERRUPTED 130 /* as shells say it: 128 + SIGINT */

struct payload {
	size_t length;
	char bytes[CTL_PACKET_MAX];
};

static bool put_string(struct payload *payload, const char *text)
{
	size_t bytes = strlen(text) + 1;

	if (bytes > sizeof(payload->bytes) - payload->length)
		return false;
	memcpy(payload->bytes + payload->length, text, bytes);
	payload->length += bytes;
	return true;
}

/* About the caller's place, and not about the new process's. */
static bool is_of_place(const char *variable)
{
	return !strncmp(variable, "DVS_NODE=", 9) ||
	       !strncmp(variable, CTL_SOCKET_VARIABLE "=", sizeof(CTL_SOCKET_VARIABLE));
}

/* struct ctl_run, then the strings. */
static int fill_payload(struct payload *payload, const struct launch *launch,
			struct refusal *refusal)
{
	struct ctl_run run = { .log_bytes = (uint32_t)launch->log_bytes };
	char cwd[4096];
	bool fits = true;

	if (os_self_cwd(cwd, sizeof(cwd)) < 0)
		return refusal_set(refusal, EDVSNOENT,
				   "the working folder has been removed: change to another");
	run.umask = launch->umask == LAUNCH_UMASK_OWN ? os_self_umask() : launch->umask;
	payload->length = sizeof(run);
	for (char **arg = launch->argv; *arg && fits; arg++, run.argc++)
		fits = put_string(payload, *arg);
	for (char **env = os_self_environment(); *env && fits; env++) {
		if (is_of_place(*env))
			continue;
		fits = put_string(payload, *env);
		run.envc++;
	}
	if (!fits || !put_string(payload, cwd))
		return refusal_set(refusal, EDVS2BIG,
				   "arguments and environment are longer than %d bytes: use env -i "
				   "or fewer arguments",
				   CTL_PACKET_MAX);
	memcpy(payload->bytes, &run, sizeof(run));
	return 0;
}

static int exit_status(int64_t wait_status)
{
	int status = (int)wait_status;

	return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

static json_t *row_json(const struct launch *launch, const struct ctl_run_row *row)
{
	json_t *endpoint = launch->unbound ? json_null() : json_integer(row->endpoint);

	return json_pack("{s:i, s:o, s:i, s:i, s:i}", "dcid", launch->dcid, "endpoint", endpoint,
			 "node", row->node, "lpid", row->lpid, "vpid", row->vpid);
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

/* Stays until the process has ended; its status is ours then. */
static int attend(const struct launch *launch, struct client *client, const struct ctl_run_row *row)
{
	struct refusal refusal = REFUSAL_NONE;
	struct stream stream = { .keep = launch->json };
	int r = stream_follow(&stream, client, &refusal), status;

	if (r == EDVSINTR && launch->unbound) {
		fprintf(stderr, "%s: detached, process %d runs on\n", verb_program(), row->lpid);
		status = INTERRUPTED;
	} else if (r == EDVSINTR) {
		fprintf(stderr,
			"%s: detached, endpoint %d runs on: `dvs logs %d %d -f` shows what it "
			"writes\n",
			verb_program(), row->endpoint, launch->dcid, row->endpoint);
		status = INTERRUPTED;
	} else if (r < 0) {
		status = verb_refuse(&refusal);
	} else {
		status = exit_status(stream.value);
		if (launch->json) {
			json_t *document = row_json(launch, row);

			json_object_set_new(document, "status", json_integer(status));
			render_output(document, "log", stream.text ? stream.text : "",
				      stream.length);
			if (render_document(document))
				status = REFUSED;
		}
	}
	stream_deinit(&stream);
	return status;
}

static void print_row(const struct launch *launch, const struct ctl_run_row *row)
{
	FILE *to = launch->wait ? stderr : stdout;

	fprintf(to, "lpid=%d vpid=%d ", row->lpid, row->vpid);
	if (!launch->unbound)
		fprintf(to, "endpoint=%d ", row->endpoint);
	fprintf(to, "node=%d\n", row->node);
}

static int converse(const struct launch *launch, struct client *client,
		    const struct payload *payload, struct ctl_request *request)
{
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_run_row row;

	if (client_send(client, request, payload->bytes, payload->length, &refusal) < 0 ||
	    await_row(client, &row, &refusal) < 0)
		return verb_refuse(&refusal);
	if (!row.serves)
		fprintf(stderr,
			"%s: endpoint %d of the classic container %d may call servers but cannot be "
			"one: use a lower number, or a container made without --classic\n",
			verb_program(), row.endpoint, launch->dcid);
	if (!launch->wait && launch->json)
		return render_document(row_json(launch, &row));
	if (!launch->json) {
		print_row(launch, &row);
		fflush(stdout);
	}
	return launch->wait ? attend(launch, client, &row) : DONE;
}

int launch(const struct launch *launch)
{
	struct ctl_request request = client_request(CTL_RUN);
	struct payload *payload = calloc(1, sizeof(*payload));
	struct refusal refusal = REFUSAL_NONE;
	struct client client;
	int status;

	if (!payload)
		return REFUSED;
	request.dcid = launch->dcid;
	request.endpoint = launch->endpoint;
	request.cmd = launch->bind_type;
	request.nodeid = launch->primary;
	request.flags =
		(launch->wait ? CTL_FLAG_FOLLOW : 0) | (launch->unbound ? CTL_FLAG_UNBOUND : 0);
	if (fill_payload(payload, launch, &refusal) < 0 ||
	    client_open(&client, launch->node, &refusal) < 0) {
		free(payload);
		return verb_refuse(&refusal);
	}
	if (launch->wait)
		os_self_catch_interrupt();
	status = converse(launch, &client, payload, &request);
	client_close(&client);
	free(payload);
	return status;
}

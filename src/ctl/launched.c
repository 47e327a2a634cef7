/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdio.h>

#include "ctl/launched.h"
#include "ctl/program.h"
#include "ctl/render.h"
#include "ctl/stream.h"
#include "ctl/verb.h"

#define INTERRUPTED 130 /* as shells say it: 128 + SIGINT */

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

/* Stays until the process has ended; its status is ours then. */
static int attend(const struct launch *launch, struct client *client, const struct ctl_run_row *row,
		  bool json)
{
	struct refusal refusal = REFUSAL_NONE;
	struct stream stream = { .keep = json };
	int r = stream_follow(&stream, client, &refusal), status;

	assert(launch->wait);
	if (r == EDVSINTR && launch->unbound) {
		fprintf(stderr, "%s: detached, process %d runs on\n", program_name(), row->lpid);
		status = INTERRUPTED;
	} else if (r == EDVSINTR) {
		fprintf(stderr,
			"%s: detached, endpoint %d runs on: `dvs logs %d %d -f` shows what it "
			"writes\n",
			program_name(), row->endpoint, launch->dcid, row->endpoint);
		status = INTERRUPTED;
	} else if (r < 0) {
		status = verb_refuse(&refusal);
	} else {
		status = exit_status(stream.value);
		if (json) {
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

static int show(const struct launch *launch, struct client *client, const struct ctl_run_row *row,
		bool json)
{
	if (!row->serves)
		fprintf(stderr,
			"%s: endpoint %d of the classic container %d may call servers but cannot be "
			"one: use a lower number, or a container made without --classic\n",
			program_name(), row->endpoint, launch->dcid);
	if (!launch->wait && json)
		return render_document(row_json(launch, row));
	if (!json) {
		print_row(launch, row);
		fflush(stdout);
	}
	return launch->wait ? attend(launch, client, row, json) : DONE;
}

int launched_show(const struct launch *launch, bool json)
{
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_run_row row;
	struct client client;
	int status;

	if (launch_start(launch, &client, &row, &refusal) < 0)
		return verb_refuse(&refusal);
	status = show(launch, &client, &row, json);
	client_close(&client);
	return status;
}

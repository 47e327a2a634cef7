/* SPDX-License-Identifier: Apache-2.0 */
#include "client/move.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>

#include "os/self.h"

static int cancel(struct client *client, struct ctl_request *request, struct refusal *refusal)
{
	refusal_clear(refusal);
	request->flags |= CTL_FLAG_CANCEL;
	return client_send(client, request, NULL, 0, refusal);
}

static int await(struct client *client, struct ctl_request *request, struct ctl_move *move,
		 bool *answered, client_say_fn *say, struct refusal *refusal)
{
	struct ctl_reply *reply;
	const void *row;
	size_t bytes;
	bool cancelled = false;
	int r;

	do {
		r = client_next(client, &reply, &row, &bytes, -1, refusal);
		if (r == EDVSINTR && os_self_interrupted() && !cancelled) {
			cancelled = true;
			say("interrupted: the move is being cancelled");
			r = cancel(client, request, refusal);
		} else if (r == CTL_ROW) {
			client_copy(move, sizeof(*move), row, bytes);
			*answered = true;
		}
	} while (r >= 0 && r != CTL_END);
	if (r == CTL_END && cancelled && move->result == CTL_MOVE_COMMITTED)
		say("the interrupt came too late: the process had moved already");
	return r == CTL_END ? 0 : r;
}

static struct ctl_move refused_row(const struct ctl_request *request, int error)
{
	return (struct ctl_move){
		.dcid = request->dcid,
		.endpoint = request->endpoint,
		.from = -1,
		.to = request->nodeid,
		.engine = request->engine,
		.mode = request->mode,
		.result = CTL_MOVE_REFUSED,
		.pid = -1,
		.vpid = -1,
		.dry_run = (request->flags & CTL_FLAG_DRY_RUN) != 0,
		.error = error,
	};
}

int client_move(int node, struct ctl_request *request, struct ctl_move *move, client_say_fn *say,
		struct refusal *refusal)
{
	struct client client;
	bool answered = false;
	int r = client_open(&client, node, refusal);

	assert(request->call == CTL_MOVE);
	*move = (struct ctl_move){ 0 };
	if (r >= 0) {
		os_self_catch_interrupt();
		r = client_send(&client, request, NULL, 0, refusal);
		if (r >= 0)
			r = await(&client, request, move, &answered, say, refusal);
		client_close(&client);
	}
	if (!answered)
		*move = refused_row(request, r < 0 ? r : EDVSGENERIC);
	if (r >= 0 && move->result != CTL_MOVE_COMMITTED)
		r = refusal_set_number(refusal, move->error, "%.*s", CTL_SENTENCE - 1,
				       move->reason);
	if (r < 0 && !move->reason[0])
		snprintf(move->reason, sizeof(move->reason), "%s", refusal->reason);
	return r;
}

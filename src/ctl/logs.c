/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdio.h>

#include "client/client.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/stream.h"
#include "ctl/verb.h"
#include "os/self.h"

static int render_log(const struct ctl_request *request, const struct stream *stream)
{
	json_t *document =
		json_pack("{s:i, s:i}", "dcid", request->dcid, "endpoint", request->endpoint);

	assert(stream->text || !stream->length);
	json_object_set_new(document, "dropped", json_integer((json_int_t)stream->dropped));
	render_output(document, "log", stream->text ? stream->text : "", stream->length);
	return render_document(document);
}

static int show(int node, struct ctl_request *request, bool json)
{
	struct refusal refusal = REFUSAL_NONE;
	struct stream stream = { .keep = json, .from_start = true };
	struct client client;
	unsigned times = 0;
	int r, status = DONE;

	do {
		r = client_open(&client, node, &refusal);
		if (r < 0)
			return verb_refuse(&refusal);
		r = client_send(&client, request, NULL, 0, &refusal);
		if (!r)
			r = stream_follow(&stream, &client, &refusal);
		client_close(&client);
		/* A text of which a part was shown is not begun again. */
	} while (r < 0 && stream.from_start &&
		 client_is_asked_again(&client, request, &times, &refusal));
	if (r < 0 && r != EDVSINTR)
		status = verb_refuse(&refusal);
	else if (json)
		status = render_log(request, &stream);
	stream_deinit(&stream);
	return status;
}

int verb_logs(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false, follow = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		{ "follow", 'f', OPTION_FLAG, &follow },
		VERB_OPTIONS_END,
	};
	struct ctl_request request = client_request(CTL_LOGS);
	int status;

	status = verb_endpoint(verb, rows, &request, argc, argv);
	if (status != GO_ON)
		return status;
	if (json && follow)
		return verb_usage(verb, "--json gives one document, -f has no end: choose one");
	if (follow) {
		request.flags = CTL_FLAG_FOLLOW;
		os_self_catch_interrupt();
	}
	return show(node, &request, json);
}

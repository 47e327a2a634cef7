/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvs kill sends one signal. dvs stop sends SIGTERM, waits until the process has gone, and sends SIGKILL
 * when the time is over. Both mean one life of the endpoint: that which answered first. While that is
 * on its way to another node the daemon says so, and it is asked again.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/signals.h"
#include "ctl/verb.h"
#include "os/clock.h"
#include "os/self.h"
#include "os/signals.h"

#define MOVE_LIMIT_NS (60 * OS_SECOND_NS) /* longer than a move that is not given up may take */
#define MOVE_LOOK_MS  20
#define KILL_LIMIT_NS (10 * OS_SECOND_NS) /* until one that was killed must have gone */
#define ANSWER_MS     10000
#define TIME_DEFAULT  10
#define TIME_MAX      1000000

struct stop {
	int node;
	struct ctl_request request;
	struct ctl_signal_row row; /* of the life that is meant, once it has answered */
	bool known, gone;
	int64_t status; /* as from wait(2); -1: not to be known */
	struct refusal *refusal;
};

enum {
	GONE = 0,
	STILL_THERE = 1
};

/*
 * One question. GONE also means: sent, where that was all. end_ns: of the wait for the end of the process,
 * which begins when it has been answered for.
 */
static int ask(struct stop *stop, int64_t end_ns)
{
	struct client client;
	struct ctl_reply *reply;
	const void *row;
	size_t bytes;
	bool found = false;
	int r = client_open(&client, stop->node, stop->refusal);

	assert(!stop->refusal->error);
	if (r < 0)
		return r;
	r = client_send(&client, &stop->request, NULL, 0, stop->refusal);
	while (r >= 0) {
		int64_t left_ms = found ? (end_ns - os_now_ns()) / OS_MS_NS : ANSWER_MS;

		r = client_next(&client, &reply, &row, &bytes, left_ms < 0 ? 0 : (int)left_ms,
				stop->refusal);
		if (r == CTL_END) {
			stop->status = reply->value;
			break;
		}
		if (r == CTL_ROW) {
			client_copy(&stop->row, sizeof(stop->row), row, bytes);
			found = true;
			stop->known = true;
			stop->request.cmd = 0; /* it has been sent */
			stop->request.addr[0] = 1 + stop->row.generation;
		}
	}
	client_close(&client);
	if (r == EDVSTIMEDOUT && found)
		return STILL_THERE;
	return r < 0 ? r : GONE;
}

/* A process that moves is asked for again; one whose life is over since it has answered is gone. */
static int deliver(struct stop *stop, int signo, int64_t end_ns)
{
	int64_t move_end_ns = os_now_ns() + MOVE_LIMIT_NS;
	int r;

	assert(signo > 0);
	stop->request.cmd = signo;
	for (;;) {
		refusal_clear(stop->refusal);
		r = ask(stop, end_ns);
		if (r != EDVSMIGRATE || os_now_ns() > move_end_ns)
			break;
		if (!stop->request.cmd && os_now_ns() > end_ns)
			return STILL_THERE;
		os_self_sleep_ms(MOVE_LOOK_MS);
	}
	if (r == EDVSNOTBIND && stop->known) {
		stop->status = -1;
		r = GONE;
	}
	if (r >= 0)
		refusal_clear(stop->refusal);
	return r;
}

static json_t *row_json(const struct stop *stop)
{
	const struct ctl_signal_row *row = &stop->row;

	json_t *object = json_pack("{s:i, s:i, s:i, s:i, s:o, s:I}", "dcid", row->dcid, "endpoint",
				   row->endpoint, "node", row->node, "lpid", row->lpid, "name",
				   render_text(row->name, sizeof(row->name)), "generation",
				   (json_int_t)row->generation);

	return render_with_bytes(object, "name", row->name, sizeof(row->name));
}

static int report_stop(const struct stop *stop, bool killed, int64_t waited_ns, bool json)
{
	const struct ctl_signal_row *row = &stop->row;
	char text[64], time[32], name[MAXPROCNAME + 1];
	json_t *document;

	if (!json) {
		printf("endpoint %d (%s) on node %d has ended by %s after %s: %s\n", row->endpoint,
		       render_name(row->name, name, sizeof(name)), row->node,
		       killed ? "SIGKILL" : "SIGTERM",
		       render_time((uint64_t)waited_ns, time, sizeof(time)),
		       signals_end((int)stop->status, text, sizeof(text)));
		return DONE;
	}
	document = row_json(stop);
	json_object_set_new(document, "ended_by", json_string(killed ? "KILL" : "TERM"));
	json_object_set_new(document, "waited_ns", json_integer(waited_ns));
	render_end(document, (int)stop->status);
	return render_document(document);
}

static int refuse_stop(struct stop *stop, int r, int seconds)
{
	assert(r != GONE);
	if (r == EDVSINTR) {
		refusal_clear(stop->refusal);
		refusal_set(stop->refusal, EDVSINTR,
			    "interrupted: endpoint %d was sent SIGTERM and may still end, SIGKILL "
			    "was not sent",
			    stop->request.endpoint);
	} else if (r == STILL_THERE) {
		refusal_set(stop->refusal, EDVSTIMEDOUT,
			    "endpoint %d was sent SIGKILL after %d s and has not ended yet: "
			    "process %d of node %d is being traced or waits for a device",
			    stop->row.endpoint, seconds, stop->row.lpid, stop->row.node);
	}
	return verb_refuse(stop->refusal);
}

/* A process that has ended by itself when SIGKILL was sent was ended by SIGTERM. */
static bool was_killed(const struct stop *stop)
{
	return stop->status < 0 || signals_killer((int)stop->status) == OS_SIGKILL;
}

int verb_stop(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false, killed = false;
	int seconds = TIME_DEFAULT, r;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		{ "time", 't', OPTION_NUMBER, &seconds },
		VERB_OPTIONS_END,
	};
	struct refusal refusal = REFUSAL_NONE;
	struct stop stop = { .request = client_request(CTL_SIGNAL), .refusal = &refusal };
	int64_t begin_ns = os_now_ns();
	int status;

	status = verb_endpoint(verb, rows, &stop.request, argc, argv);
	if (status != GO_ON)
		return status;
	if (seconds < 0 || seconds > TIME_MAX)
		return verb_usage(verb, "--time is from 0 to %d seconds, not %d", TIME_MAX,
				  seconds);
	stop.node = node;
	stop.request.flags = CTL_FLAG_UNTIL_GONE;
	os_self_catch_interrupt();
	r = deliver(&stop, OS_SIGTERM, begin_ns + seconds * OS_SECOND_NS);
	if (r == STILL_THERE) {
		r = deliver(&stop, OS_SIGKILL, os_now_ns() + KILL_LIMIT_NS);
		killed = was_killed(&stop);
	}
	if (r != GONE)
		return refuse_stop(&stop, r, seconds);
	return report_stop(&stop, killed, os_now_ns() - begin_ns, json);
}

int verb_kill(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false;
	const char *name = "KILL";
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		{ "signal", 's', OPTION_WORD, &name },
		VERB_OPTIONS_END,
	};
	struct refusal refusal = REFUSAL_NONE;
	struct stop stop = { .request = client_request(CTL_SIGNAL), .refusal = &refusal };
	char text[32], plain[MAXPROCNAME + 1];
	json_t *document;
	int number, r, status;

	status = verb_endpoint(verb, rows, &stop.request, argc, argv);
	if (status != GO_ON)
		return status;
	if (!signals_number(name, &number))
		return verb_usage(verb, "--signal is a signal's name or number, not \"%.40s\"",
				  name);
	stop.node = node;
	r = deliver(&stop, number, 0);
	if (r < 0)
		return verb_refuse(&refusal);
	signals_name(number, text, sizeof(text));
	if (!json) {
		printf("%s sent to endpoint %d (%s) on node %d, lpid=%d\n", text, stop.row.endpoint,
		       render_name(stop.row.name, plain, sizeof(plain)), stop.row.node,
		       stop.row.lpid);
		return DONE;
	}
	document = row_json(&stop);
	json_object_set_new(document, "signal", json_string(text));
	return render_document(document);
}

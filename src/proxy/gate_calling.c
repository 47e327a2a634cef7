/* SPDX-License-Identifier: Apache-2.0 */

/* Links that we make: connected, and proven from both sides, before the node hears of them. */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "os/socket.h"
#include "proxy/gate_part.h"

/* Forgets the dial and says what came of it; NULL: nothing. */
static void dial_done(struct dial *dial, struct secure *secure)
{
	struct gate *gate = dial->gate;
	struct dial **place = &gate->dials;
	const struct note note = { .kind = NOTE_MADE,
				   .identity = dial->identity,
				   .number = dial->number,
				   .secure = secure };

	assert(!secure || secure == dial->secure);
	while (*place != dial)
		place = &(*place)->next;
	*place = dial->next;
	dial->io = os_source_free(dial->io);
	dial->timer = os_source_free(dial->timer);
	if (!secure)
		secure_free(dial->secure);
	os_close(dial->fd);
	free(dial);
	gate_tell(gate, &note);
}

static void on_late(void *ctx)
{
	struct dial *dial = ctx;

	gate_log_refusal(dial->gate, dial->address, "to",
			 dial->secure ? "its greeting did not come in time"
				      : "nothing answers there");
	dial_done(dial, NULL);
}

static void on_io(void *ctx, int fd, int events)
{
	struct dial *dial = ctx;
	int r = 0;

	(void)events;
	if (!dial->secure) {
		r = os_tcp_connected(fd);
		if (r == -EINPROGRESS)
			return;
		if (!r) {
			dial->secure = secure_call(dial->gate->place.keys, &dial->identity, fd);
			dial->fd = -1;
			r = dial->secure ? 0 : -ENOMEM;
		}
	}
	if (!r)
		r = secure_greet(dial->secure);
	if (r > 0) {
		os_source_set(dial->io, r);
		return;
	}
	if (r == -EACCES)
		gate_log_refusal(dial->gate, dial->address, "to", secure_why(dial->secure));
	dial_done(dial, r ? NULL : dial->secure);
}

void gate_dial(struct gate *gate, const struct note *note)
{
	struct dial *dial = calloc(1, sizeof(*dial));
	const struct note failed = { .kind = NOTE_MADE,
				     .identity = note->identity,
				     .number = note->number };

	if (!dial) {
		gate_tell(gate, &failed);
		return;
	}
	*dial = (struct dial){ .gate = gate,
			       .address = note->route.to,
			       .identity = note->identity,
			       .number = note->number,
			       .fd = os_tcp_connect_start(&note->route),
			       .next = gate->dials };
	gate->dials = dial;
	if (dial->fd < 0 ||
	    os_source_timer(gate->loop, GATE_GREETING_US, on_late, dial, &dial->timer) ||
	    os_source_io(gate->loop, dial->fd, OS_WRITE, on_io, dial, &dial->io))
		dial_done(dial, NULL);
}

void gate_dial_end(struct gate *gate)
{
	while (gate->dials)
		dial_done(gate->dials, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Calls of libdvk. The processes bind themselves; the parent stays without an endpoint. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/way.h"

#define DCID	      0
#define FIRST_SERVER  (-2) /* and downwards: tasks, of which there are more than 32 */
#define FIRST_CLIENT  100
#define SYSTEM_CLIENT 20 /* users neither send nor are notified */
#define PATIENCE_MS   10000
#define SAID	      0x10000000 /* makes every endpoint other than 0 */

static int server_of(const struct way_pair *pair)
{
	return FIRST_SERVER - pair->number;
}

static void must(long result, const char *what)
{
	if (result > EDVSERRCODE)
		return;
	fprintf(stderr, "local_bench: %s: %ld\n", what, result);
	exit(1);
}

/* Returns the endpoint: with generation. What ran before may take a moment to be gone. */
static int join(int p_nr)
{
	long r = EDVSSLOTUSED;

	must(dvk_open(), "dvk_open");
	for (int i = 0; i < PATIENCE_MS && r == EDVSSLOTUSED; i++) {
		r = dvk_bind(DCID, p_nr);
		if (r == EDVSSLOTUSED)
			usleep(1000);
	}
	must(r, "dvk_bind");
	return (int)r;
}

/* The other side's endpoint, once it is bound: it says so in the page. */
static int await(struct way_pair *pair, int which)
{
	_Atomic int *said = (_Atomic int *)pair->memory + which;

	for (int i = 0; i < PATIENCE_MS && !*said; i++)
		usleep(1000);
	if (!*said)
		must(EDVSTIMEDOUT, "waiting for the other side");
	return *said - SAID;
}

static void say(struct way_pair *pair, int which, int endpoint)
{
	((_Atomic int *)pair->memory)[which] = endpoint + SAID;
}

enum side {
	SERVER,
	CLIENT
};

static void sendrec_serve(struct way_pair *pair)
{
	message m;

	say(pair, SERVER, join(server_of(pair)));
	for (;;) {
		must(dvk_receive(ANY, &m), "dvk_receive");
		must(dvk_send(m.m_source, &m), "dvk_send");
	}
}

struct call {
	int server;
	message m;
};

static void begin(struct way_pair *pair, int p_nr)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		way_fail("calloc");
	pair->state = call;
	say(pair, CLIENT, join(p_nr));
	call->server = await(pair, SERVER);
	call->m.m_type = 1;
}

static void user_begin(struct way_pair *pair)
{
	begin(pair, FIRST_CLIENT + pair->number);
}

static void system_begin(struct way_pair *pair)
{
	begin(pair, SYSTEM_CLIENT);
}

static void sendrec_trip(struct way_pair *pair)
{
	struct call *call = pair->state;

	must(dvk_sendrec(call->server, &call->m), "dvk_sendrec");
}

static void send_serve(struct way_pair *pair)
{
	message m;
	int client;

	say(pair, SERVER, join(server_of(pair)));
	client = await(pair, CLIENT);
	for (;;) {
		must(dvk_receive(client, &m), "dvk_receive");
		must(dvk_send(client, &m), "dvk_send");
	}
}

static void send_trip(struct way_pair *pair)
{
	struct call *call = pair->state;

	must(dvk_send(call->server, &call->m), "dvk_send");
	must(dvk_receive(call->server, &call->m), "dvk_receive");
}

static void notify_serve(struct way_pair *pair)
{
	message m;
	int client;

	say(pair, SERVER, join(server_of(pair)));
	client = await(pair, CLIENT);
	for (;;) {
		must(dvk_receive(client, &m), "dvk_receive");
		must(dvk_notify(client), "dvk_notify");
	}
}

static void notify_trip(struct way_pair *pair)
{
	struct call *call = pair->state;

	must(dvk_notify(call->server), "dvk_notify");
	must(dvk_receive(call->server, &call->m), "dvk_receive");
}

const struct way ways_ours[] = {
	{ "sendrec", NULL, sendrec_serve, user_begin, sendrec_trip, NULL },
	{ "send", NULL, send_serve, system_begin, send_trip, NULL },
	{ "notify", NULL, notify_serve, system_begin, notify_trip, NULL },
	{ 0 },
};

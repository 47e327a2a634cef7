/* SPDX-License-Identifier: Apache-2.0 */
#include "group/clerk.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define FOR_EACH_PLACE(p, clerk)                                                             \
	for (struct clerk_place *p = (clerk)->place; p < (clerk)->place + CLERK_PLACES; p++) \
		if (p->taken)

static int number_of(const struct clerk *clerk, const struct clerk_place *p)
{
	assert(p >= clerk->place && p < clerk->place + CLERK_PLACES);
	return (int)(p - clerk->place);
}

static struct clerk_place *place_of(struct clerk *clerk, int place)
{
	assert(place >= 0 && place < CLERK_PLACES);
	assert(clerk->place[place].taken);
	return &clerk->place[place];
}

void clerk_init(struct clerk *clerk, const struct clerk_calls *call, void *ctx)
{
	assert(call->now_ns && call->put && call->ordered && call->asked && call->gone);
	*clerk = (struct clerk){ .call = *call, .ctx = ctx };
}

void clerk_deinit(struct clerk *clerk)
{
	FOR_EACH_PLACE(p, clerk)
	{
		transfer_deinit(&p->transfer);
		p->taken = false;
	}
	assert(!clerk->place[0].taken);
}

int clerk_come(struct clerk *clerk)
{
	for (int place = 0; place < CLERK_PLACES; place++) {
		if (clerk->place[place].taken)
			continue;
		clerk->place[place] = (struct clerk_place){ .taken = true };
		return place;
	}
	return -EUSERS;
}

static void doom(struct clerk_place *p, int why)
{
	assert(why < 0);
	if (!p->doomed)
		p->doomed = why;
}

void clerk_doom(struct clerk *clerk, int place, int why)
{
	doom(place_of(clerk, place), why);
}

int clerk_find(const struct clerk *clerk, int node)
{
	for (int place = 0; place < CLERK_PLACES; place++) {
		const struct clerk_place *p = &clerk->place[place];

		if (p->taken && !p->doomed && p->state != CLERK_STRANGER && p->hello.node == node)
			return place;
	}
	return -1;
}

static void put(struct clerk *clerk, struct clerk_place *p, enum group_kind kind, const void *head,
		size_t head_bytes, const void *body, size_t body_bytes)
{
	int r = p->doomed ? 0
			  : clerk->call.put(clerk->ctx, number_of(clerk, p), kind, head, head_bytes,
					    body, body_bytes);

	if (r < 0)
		doom(p, r);
}

/* Numbers a command and sends it to all members. A joiner keeps it for later while its state is on the way. */
static void order(struct clerk *clerk, const struct command *cmd)
{
	uint8_t payload[GROUP_DELIVER_BYTES];

	group_number_encode(payload, ++clerk->order);
	command_encode(cmd, payload + 8);
	clerk->call.ordered(clerk->ctx, clerk->order, cmd);
	FOR_EACH_PLACE(p, clerk)
	{
		int r = 0;

		if (p->state == CLERK_MEMBER)
			put(clerk, p, GROUP_DELIVER, payload, 8, payload + 8, COMMAND_BYTES);
		else if (p->state == CLERK_JOINING && !p->doomed)
			r = transfer_keep(&p->transfer, payload, sizeof(payload), CLERK_LATER_MAX);
		if (r < 0)
			doom(p, r);
	}
}

/* The joiner has its state: from now on it is one of them. */
static void admit(struct clerk *clerk, struct clerk_place *p)
{
	const struct command join = group_hello_join(&p->hello);

	assert(p->state == CLERK_JOINING);
	assert(!p->doomed);
	p->state = CLERK_MEMBER;
	order(clerk, &join);
}

/* Some member that is not doomed; the one that was asked before only if there is no other. NULL: none at all. */
static struct clerk_place *find_provider(struct clerk *clerk, const struct transfer *before)
{
	struct clerk_place *last = NULL;

	for (unsigned i = 0; i < CLERK_PLACES; i++) {
		unsigned at = (clerk->next_provider + i) % CLERK_PLACES;
		struct clerk_place *p = &clerk->place[at];

		if (!p->taken || p->doomed || p->state != CLERK_MEMBER)
			continue;
		last = p;
		if (transfer_asks(before, (int)at))
			continue;
		clerk->next_provider = at + 1;
		return p;
	}
	assert(!last || last->state == CLERK_MEMBER);
	return last;
}

/* Asks a member for the state as of now, or founds the group if there is none. */
static void start_transfer(struct clerk *clerk, struct clerk_place *joiner)
{
	struct clerk_place *provider = find_provider(clerk, &joiner->transfer);
	uint8_t token[GROUP_ASK_BYTES];

	assert(joiner->state == CLERK_JOINING);
	if (!provider) {
		transfer_deinit(&joiner->transfer);
		clerk->order = 0;
		admit(clerk, joiner);
		return;
	}
	transfer_begin(&joiner->transfer, number_of(clerk, provider), ++clerk->last_token,
		       clerk->order, clerk->call.now_ns(clerk->ctx));
	group_number_encode(token, clerk->last_token);
	put(clerk, provider, GROUP_ASK, token, sizeof(token), NULL, 0);
	clerk->call.asked(clerk->ctx);
}

static void order_leave(struct clerk *clerk, int node)
{
	struct command leave = {
		.version = COMMAND_VERSION, .kind = COMMAND_NODE_LEAVE, .origin = -1, .node = node
	};

	order(clerk, &leave);
}

/* Removes one that is doomed; the joiner that was to get its state asks another. */
static void remove_place(struct clerk *clerk, struct clerk_place *p)
{
	int place = number_of(clerk, p), node = p->hello.node;
	bool member = p->state == CLERK_MEMBER;

	assert(p->doomed);
	clerk->call.gone(clerk->ctx, place, p);
	transfer_deinit(&p->transfer);
	*p = (struct clerk_place){ .taken = false };
	if (member)
		order_leave(clerk, node);
	FOR_EACH_PLACE(joiner, clerk)
	if (transfer_asks(&joiner->transfer, place) && !joiner->doomed)
		start_transfer(clerk, joiner);
}

void clerk_settle(struct clerk *clerk)
{
	bool again;

	do {
		again = false;
		FOR_EACH_PLACE(p, clerk)
		{
			if (p->doomed) {
				remove_place(clerk, p);
				again = true;
			}
		}
	} while (again);
}

/* The first member brings the protocol of the group, and those that do not speak it stay outside. */
static int check_protocol(struct clerk *clerk, const struct group_hello *hello)
{
	struct protocol_speaker group = { .least = clerk->protocol, .most = clerk->protocol };
	bool is_first = true;

	FOR_EACH_PLACE(p, clerk)
	is_first &= p->state == CLERK_STRANGER || p->doomed;
	if (is_first)
		clerk->protocol = hello->speaker.most;
	else if (!protocol_common(&hello->speaker, &group))
		return -EPROTO;
	return 0;
}

void clerk_welcome(struct clerk *clerk, int place, int result)
{
	struct group_welcome welcome = { .result = result, .protocol = clerk->protocol };
	uint8_t payload[GROUP_WELCOME_BYTES];

	group_welcome_encode(payload, &welcome);
	put(clerk, place_of(clerk, place), GROUP_WELCOME, payload, sizeof(payload), NULL, 0);
}

int clerk_hello(struct clerk *clerk, int place, const struct group_hello *hello)
{
	struct clerk_place *p = place_of(clerk, place);
	int r;

	if (p->state != CLERK_STRANGER)
		return -EBADMSG;
	r = clerk_find(clerk, hello->node) >= 0 ? -EEXIST : check_protocol(clerk, hello);
	clerk_welcome(clerk, place, r);
	if (r < 0)
		return r;
	/* The leaving of its former life comes before its state is asked for. */
	clerk_settle(clerk);
	if (!p->taken || p->doomed)
		return -ECONNRESET;
	p->hello = *hello;
	p->state = CLERK_JOINING;
	start_transfer(clerk, p);
	return 0;
}

void clerk_take_over(struct clerk *clerk, int place, int old)
{
	struct clerk_place *p = place_of(clerk, place), *was = place_of(clerk, old);

	assert(p->state == CLERK_STRANGER);
	assert(was->state == CLERK_MEMBER);
	p->hello = was->hello;
	p->state = CLERK_MEMBER;
	/* The joiners that it was to give a state ask another member. */
	was->state = CLERK_STRANGER;
	doom(was, -ECONNRESET);
}

int clerk_command(struct clerk *clerk, int place, const uint8_t *bytes, size_t len)
{
	struct clerk_place *p = place_of(clerk, place);
	struct command cmd;
	int r = command_decode(&cmd, bytes, len);

	if (r < 0)
		return r;
	/* Comings and goings are ordered by the clerk itself, the rest in one's own name. */
	if (p->state != CLERK_MEMBER || cmd.origin != p->hello.node ||
	    cmd.kind == COMMAND_NODE_JOIN || cmd.kind == COMMAND_NODE_LEAVE)
		return -EBADMSG;
	order(clerk, &cmd);
	return 0;
}

/* The state, and behind it what was ordered meanwhile. */
static void deliver_state(struct clerk *clerk, struct clerk_place *p, const uint8_t *payload,
			  size_t len)
{
	const struct group_buffer *later = &p->transfer.later;

	put(clerk, p, GROUP_RESTORE, payload + 8, GROUP_RESTORE_HEAD, payload + GROUP_STATE_HEAD,
	    len - GROUP_STATE_HEAD);
	for (size_t at = later->from; at < later->to; at += GROUP_DELIVER_BYTES)
		put(clerk, p, GROUP_DELIVER, later->bytes + at, 8, later->bytes + at + 8,
		    COMMAND_BYTES);
	transfer_deinit(&p->transfer);
	if (!p->doomed)
		admit(clerk, p);
}

int clerk_state(struct clerk *clerk, int place, const uint8_t *payload, size_t len)
{
	uint64_t token = group_number_decode(payload), at = group_number_decode(payload + 8);

	assert(len >= GROUP_STATE_HEAD);
	if (place_of(clerk, place)->state != CLERK_MEMBER)
		return -EBADMSG;
	FOR_EACH_PLACE(p, clerk)
	{
		int r = p->doomed ? 0 : transfer_take(&p->transfer, place, token, at);

		if (r < 0)
			return r;
		if (r) {
			deliver_state(clerk, p, payload, len);
			return 0;
		}
	}
	/* Too late, or the joiner is gone: nobody waits for it. */
	return 0;
}

bool clerk_check(struct clerk *clerk, int64_t limit_ns)
{
	int64_t now_ns = clerk->call.now_ns(clerk->ctx);
	bool waits = false;

	assert(limit_ns > 0);
	FOR_EACH_PLACE(p, clerk)
	{
		if (p->state != CLERK_JOINING || p->doomed)
			continue;
		waits = true;
		if (transfer_is_late(&p->transfer, now_ns, limit_ns))
			start_transfer(clerk, p);
	}
	return waits;
}

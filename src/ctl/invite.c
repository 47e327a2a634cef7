/* SPDX-License-Identifier: Apache-2.0 */

/*
 * `dvs invite`: one machine may join, with a token that is shown here. This process is the invitation: it waits for the
 * newcomer, and nothing of the token is left when it ends.
 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "ctl/invitation.h"
#include "ctl/knocks.h"
#include "ctl/members.h"
#include "ctl/newcomer.h"
#include "ctl/program.h"
#include "ctl/render.h"
#include "ctl/verb.h"
#include "os/clock.h"
#include "os/keyfile.h"
#include "os/self.h"
#include "os/socket.h"
#include "os/tcp.h"

#define SECONDS_MOST 86400

struct host {
	const char *root; /* "": files are the machine's own */
	int seconds, port;
	bool json;
	struct membership membership; /* as it is without the newcomer */
	int lost; /* the one node that is not up, whose place is the only one that is free; or -1 */
	struct join_token token;
	struct secure_keys *keys;
	int fd;
	int64_t deadline_ns;
};

static int read_files(const char *root, struct membership *membership, struct refusal *refusal)
{
	char path[MEMBERSHIP_PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s" MEMBERSHIP_ROSTER, root);
	r = membership_roster(path, &membership->roster, refusal);
	if (r)
		return r;
	if (!membership_is_shared(root))
		return refusal_set(
			refusal, EDVSINVAL,
			"the cluster is of one machine alone, because its order is (--group "
			"local): `dvs leave`, and `dvs init --group corosync` makes one of "
			"several");
	snprintf(path, sizeof(path), "%s" MEMBERSHIP_KEY, root);
	r = os_keyfile_read(path, &membership->keyring, refusal);
	if (r)
		return r;
	r = membership_authkey(root, membership);
	return r ? refusal_set_errno(refusal, r, "%s" MEMBERSHIP_AUTHKEY " cannot be read: %s",
				     root, strerror(-r))
		 : 0;
}

/* A newcomer may take the place of one node that is not up; if more are not, no list can be changed. */
static int check_node(struct host *host, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_STATUS);
	struct membership *membership = &host->membership;
	struct ctl_node_status state;
	uint32_t up, down;
	int r = client_call(-1, &request, NULL, 0, &state, sizeof(state), refusal);

	if (!r && state.quorum <= 0)
		r = refusal_set(
			refusal, EDVSNOCONN,
			"this side of the cluster has no quorum: nobody can join until enough nodes "
			"are back");
	if (!r)
		r = members_up(&up, refusal);
	if (r)
		return r;
	membership->node = state.nodeid;
	down = members_all(&membership->roster) & ~up;
	host->lost = down && !(down & (down - 1)) ? __builtin_ctz(down) : -1;
	return members_check_up(&membership->roster, host->lost < 0 ? 0 : down, refusal);
}

static int begin(struct host *host, struct refusal *refusal)
{
	int r = read_files(host->root, &host->membership, refusal);

	if (!r)
		r = check_node(host, refusal);
	if (r)
		return r;
	invitation_make(&host->token);
	r = invitation_keys(&host->token, &host->keys);
	if (r)
		return refusal_set_errno(refusal, r, "no key can be made: %s", strerror(-r));
	host->fd = os_tcp_listen(ADDRESS_NONE, (uint16_t)host->port);
	if (host->fd == -EADDRINUSE)
		return refusal_set(
			refusal, EDVSADDRINUSE,
			"port %d is in use: another `dvs invite` waits here; end that, or take "
			"another --port here and there",
			host->port);
	if (host->fd < 0)
		return refusal_set_errno(refusal, host->fd, "nobody can be heard at port %d: %s",
					 host->port, strerror(-host->fd));
	host->deadline_ns = os_deadline_ns(1000ll * host->seconds);
	return 0;
}

/* An address of this machine at which the newcomer may call. */
static const char *own_address(const struct host *host, char text[ADDRESS_TEXT])
{
	const struct roster *roster = &host->membership.roster;
	int id = host->membership.node;

	if (id < 0 || id >= NR_NODES || !roster->node[id].count)
		return "ADDRESS";
	return address_print(roster->node[id].address[0], text);
}

/* The words of `dvs join` by which a machine takes the place of the lost one; or none. */
#define PLACE_MAX                           \
	(sizeof(" --name ") + MAXNODENAME + \
	 ROSTER_ADDRESSES * (sizeof(" --address ") + ADDRESS_TEXT))
static void print_place(const struct host *host, char text[PLACE_MAX])
{
	const struct roster_node *node =
		&host->membership.roster.node[host->lost < 0 ? 0 : host->lost];
	char address[ADDRESS_TEXT];
	int len = 0;

	text[0] = '\0';
	if (host->lost < 0)
		return;
	assert(node->count);
	len = snprintf(text, PLACE_MAX, " --name %s", node->name);
	for (unsigned i = 0; i < node->count; i++)
		len += snprintf(text + len, PLACE_MAX - (size_t)len, " --address %s",
				address_print(node->address[i], address));
	assert(len < (int)PLACE_MAX);
}

static void tell(const struct host *host)
{
	char token[JOIN_TOKEN_TEXT + 1], address[ADDRESS_TEXT], port[16] = "";
	char place[PLACE_MAX], line[160 + PLACE_MAX];

	assert(host->token.id);
	join_print_token(&host->token, token);
	print_place(host, place);
	if (host->port != JOIN_PORT)
		snprintf(port, sizeof(port), " --port %d", host->port);
	snprintf(line, sizeof(line), "dvs join %s%s --token %s%s", own_address(host, address), port,
		 token, place);
	if (host->lost >= 0 && !host->json)
		printf("node %d (%s) is not up: only a machine in its place can join now\n",
		       host->lost, host->membership.roster.node[host->lost].name);
	if (host->json)
		render_document(json_pack("{s:s, s:s, s:i, s:i}", "token", token, "command", line,
					  "port", host->port, "seconds", host->seconds));
	else
		printf("on the new machine, once, within %d s:\n    %s\n", host->seconds, line);
	fflush(stdout);
}

/*
 * All members and the newcomer have the new list; Corosync reads it when the newcomer has its files. The newcomer's
 * number, or the refusal's.
 */
static int admit(struct host *host, struct secure *secure, const struct roster_node *newcomer,
		 struct refusal *refusal)
{
	struct membership next;
	uint32_t up;
	int r = members_up(&up, refusal);

	/* It may have changed while nobody came. */
	if (!r)
		r = read_files(host->root, &host->membership, refusal);
	next = host->membership;
	if (!r)
		r = members_add(&host->membership.roster, newcomer, up, &next.roster, refusal);
	next.node = r;
	if (r >= 0)
		r = members_check_up(&next.roster, 1u << next.node, refusal);
	if (!r)
		r = members_tell(&next.roster, members_all(&next.roster) & ~(1u << next.node),
				 refusal);
	if (r)
		invitation_refuse(secure, refusal);
	else
		r = invitation_welcome(secure, &next, refusal);
	membership_forget(&next);
	return r ? r : next.node;
}

/* After the list was changed. */
static int settle(const struct host *host, struct secure *secure,
		  const struct roster_node *newcomer, int node, struct refusal *refusal)
{
	struct refusal why = REFUSAL_NONE;

	assert(node >= 0);
	if (invitation_wait(secure, &why))
		return refusal_set_number(
			refusal, why.error,
			"%s (node %d) is on the list, and did not say that it has its files: "
			"`dvs join` there once more with a new token, or `dvs leave %s` here",
			newcomer->name, node, newcomer->name);
	if (members_reload(refusal))
		return refusal->error;
	invitation_settled(secure);
	if (!host->json)
		printf("%s is node %d now: it is there when its services run\n", newcomer->name,
		       node);
	return 0;
}

/*
 * A caller that has proven the token; NULL: the refusal says why it did not. 1: it was none of a newcomer, or was
 * refused, and the next may come; 0 or a refusal: it is over.
 */
static int serve(struct host *host, struct secure *secure, struct refusal why,
		 struct refusal *refusal)
{
	struct roster_node newcomer;
	int node = secure ? invitation_hear(secure, &newcomer, &why) : why.error, r;

	if (!node)
		node = admit(host, secure, &newcomer, &why);
	if (node < 0) {
		fprintf(stderr, "%s: a machine was refused: %s\n", program_name(), why.reason);
		secure_free(secure);
		return 1;
	}
	r = settle(host, secure, &newcomer, node, refusal);
	secure_free(secure);
	return r;
}

static int wait_for_one(struct host *host, struct refusal *refusal)
{
	struct knocks *knocks;
	int r = knocks_new(&knocks, host->fd, host->keys);

	assert(host->fd >= 0);
	assert(host->keys);
	if (r)
		return refusal_set_errno(refusal, r, "nobody can be heard: %s", strerror(-r));
	do {
		struct refusal why = REFUSAL_NONE;
		struct secure *secure;

		r = knocks_next(knocks, host->deadline_ns, &secure, &why);
		if (r == -EINTR)
			r = refusal_set(refusal, EDVSINTR,
					"interrupted: the token is worth nothing any more");
		else if (r)
			r = refusal_set(
				refusal, EDVSTIMEDOUT,
				"nobody has joined in time: the token is worth nothing any more");
		else
			r = serve(host, secure, why, refusal);
	} while (r > 0);
	knocks_free(knocks);
	return r;
}

int verb_invite(const struct verb *verb, int node, int argc, char **argv)
{
	struct host host = { .root = "", .seconds = 600, .port = JOIN_PORT, .fd = -1, .lost = -1 };
	const struct option_row rows[] = {
		{ "time", 0, OPTION_NUMBER, &host.seconds },
		{ "port", 0, OPTION_NUMBER, &host.port },
		{ "root", 0, OPTION_WORD, &host.root },
		VERB_JSON(&host.json),
		VERB_OPTIONS_END,
	};
	struct refusal refusal = REFUSAL_NONE;
	int status = verb_words(verb, rows, NULL, 0, argc, argv), r;

	(void)node;
	if (status != GO_ON)
		return status;
	if (host.seconds < 1 || host.seconds > SECONDS_MOST)
		return verb_usage(verb, "--time is from 1 to %d", SECONDS_MOST);
	if (host.port < 1 || host.port > 65535)
		return verb_usage(verb, "--port is from 1 to 65535");
	r = begin(&host, &refusal);
	if (!r) {
		os_self_catch_interrupt();
		tell(&host);
		r = wait_for_one(&host, &refusal);
	}
	os_close(host.fd);
	secure_keys_free(host.keys);
	explicit_bzero(&host, sizeof(host));
	return r ? verb_refuse(&refusal) : DONE;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* `dvs join`: this machine becomes a node of a cluster that there is. */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/invitation.h"
#include "ctl/newcomer.h"
#include "ctl/verb.h"
#include "os/file.h"
#include "os/keyfile.h"
#include "os/machine.h"
#include "os/self.h"
#include "os/socket.h"
#include "os/tcp.h"

static const char *const next_new[] = {
	"systemctl restart corosync",
	"systemctl enable --now dvs-corosync dvsd",
	NULL,
};
static const char *const next_known[] = {
	"corosync-cfgtool -R   # once, when each machine has the list",
	NULL,
};

/* The two files of another machine, in a folder that may be the one where they stay. */
static int read_files(const struct newcomer *newcomer, const char *folder,
		      struct membership *membership, struct refusal *refusal)
{
	char path[MEMBERSHIP_PATH_MAX], own[64];
	const char *name = newcomer->name;
	int r;

	if (snprintf(path, sizeof(path), "%s/cluster", folder) >= (int)sizeof(path))
		return refusal_set(refusal, EDVSNAMETOOLONG, "the name %.60s... is too long",
				   folder);
	r = membership_roster(path, &membership->roster, refusal);
	snprintf(path, sizeof(path), "%s/key", folder);
	if (!r)
		r = os_keyfile_read(path, &membership->keyring, refusal);
	if (r)
		return r;
	os_machine_name(own, sizeof(own));
	name = name ? name : own;
	assert(membership->keyring.count);
	membership->node = roster_find(&membership->roster, name);
	if (membership->node >= 0)
		return 0;
	return refusal_set(
		refusal, EDVSNONODE,
		"%.80s/cluster has no node \"%.40s\": add a line \"node %d %.40s ADDRESS\" to "
		"the file on every machine, or choose one of its names with --name",
		folder, name, roster_free(&membership->roster), name);
}

static int join_files(const struct newcomer *newcomer, const char *folder)
{
	static const char *const changed[] = { MEMBERSHIP_ROSTER, MEMBERSHIP_COROSYNC, NULL };
	const char *wrote[MEMBERSHIP_FILES_MOST + 1];
	struct membership membership = { .corosync = true };
	struct refusal refusal = REFUSAL_NONE;
	char own[MEMBERSHIP_PATH_MAX];
	bool kept, known;
	int r = read_files(newcomer, folder, &membership, &refusal);

	snprintf(own, sizeof(own), "%s/etc/dvs", newcomer->root);
	kept = os_file_is_same(folder, own);
	known = !r && membership_is_node(newcomer->root, &membership);
	if (known)
		r = membership_change(newcomer->root, &membership.roster, &refusal);
	else if (!r)
		r = membership_check(newcomer->root, true, kept, &refusal);
	if (!r && !known)
		r = membership_make(newcomer->root, &membership, wrote, &refusal);
	membership_forget(&membership);
	if (r)
		return verb_refuse(&refusal);
	return newcomer_done(newcomer, &membership, known ? changed : wrote,
			     known ? next_known : next_new);
}

/* The place where `dvs invite` waits, and the token that it has shown. */
struct door {
	struct address address;
	const char *token;
	int port;
};

static int read_token(const struct door *door, struct join_token *token, struct refusal *refusal)
{
	char line[128];
	const char *text = door->token;

	if (!text) {
		fputs("token: ", stderr);
		os_self_read_line(line, sizeof(line));
		text = line;
		line[strcspn(line, " \t\r\n")] = '\0';
	}
	if (!join_parse_token(token, text, strlen(text)))
		return 0;
	return refusal_set(
		refusal, EDVSINVAL,
		"the token is not of the form that `dvs invite` shows, five groups of 8 digits "
		"0-9, a-f: copy it whole");
}

static struct secure *knock(const struct door *door, const struct join_token *token,
			    struct refusal *refusal)
{
	struct os_tcp_route route = { .to = door->address, .port = (uint16_t)door->port };
	char text[ADDRESS_TEXT];
	struct secure_keys *keys;
	struct secure *secure;
	int r, fd;

	assert(door->port > 0);
	fd = os_tcp_connect(&route, INVITATION_STEP_MS);
	if (fd < 0) {
		refusal_set_errno(
			refusal, fd,
			"nobody invites at %s, port %d (%s): `dvs invite` waits there for one "
			"machine and some minutes; ask for a new token",
			address_print(door->address, text), door->port, strerror(-fd));
		return NULL;
	}
	r = invitation_keys(token, &keys);
	if (r) {
		refusal_set_errno(refusal, r, "no key can be made: %s", strerror(-r));
		os_close(fd);
		return NULL;
	}
	secure = invitation_call(keys, fd, refusal);
	secure_keys_free(keys);
	return secure;
}

/* The files come first, the members' Corosyncs after them: a machine without files costs the others no quorum. */
static int take_place(const char *root, const struct roster_node *node, struct secure *secure,
		      struct membership *membership, const char **wrote, struct refusal *refusal)
{
	int r = invitation_ask(secure, node, refusal);

	if (!r)
		r = invitation_take(secure, membership, refusal);
	if (!r)
		r = membership_make(root, membership, wrote, refusal);
	return r ? r : invitation_settle(secure, refusal);
}

static int join_network(const struct newcomer *newcomer, const struct door *door)
{
	const char *wrote[MEMBERSHIP_FILES_MOST + 1];
	struct membership membership = { .corosync = true };
	struct refusal refusal = REFUSAL_NONE;
	struct secure *secure = NULL;
	struct roster_node node;
	struct join_token token;
	/* All that can be wrong here is found before the other machine is asked. */
	int r = newcomer_node(newcomer, &node, &refusal);

	if (!r)
		r = membership_check(newcomer->root, true, false, &refusal);
	if (!r)
		r = read_token(door, &token, &refusal);
	if (!r)
		secure = knock(door, &token, &refusal);
	if (secure)
		take_place(newcomer->root, &node, secure, &membership, wrote, &refusal);
	secure_free(secure);
	explicit_bzero(&token, sizeof(token));
	membership_forget(&membership);
	return refusal.error ? verb_refuse(&refusal)
			     : newcomer_done(newcomer, &membership, wrote, next_new);
}

int verb_join(const struct verb *verb, int node, int argc, char **argv)
{
	struct newcomer newcomer = { .root = "" };
	struct door door = { .port = JOIN_PORT };
	const char *folder = NULL;
	const struct option_row rows[] = { { "files", 0, OPTION_WORD, &folder },
					   { "token", 0, OPTION_WORD, &door.token },
					   { "port", 0, OPTION_NUMBER, &door.port },
					   NEWCOMER_OPTIONS(newcomer) };
	struct options words;
	const char *why;
	int status = verb_options(verb, rows, argc, argv, &words);

	(void)node;
	if (status != GO_ON)
		return status;
	if (words.count > 1 || (words.count && folder))
		return verb_usage(verb, "unexpected word \"%.40s\"",
				  words.operand[words.count - 1]);
	if (!folder && !words.count)
		return verb_usage(verb, "ADDRESS or --files FOLDER is missing");
	if (folder && (newcomer.addresses.count || door.token))
		return verb_usage(
			verb, "--files goes without --address and --token: all is in the files");
	if (folder)
		return join_files(&newcomer, folder);
	why = address_parse(&door.address, words.operand[0], strlen(words.operand[0]));
	if (why)
		return verb_usage(verb, "ADDRESS \"%.45s\": %s", words.operand[0], why);
	if (door.port < 1 || door.port > 65535)
		return verb_usage(verb, "--port is from 1 to 65535");
	newcomer.called = door.address;
	return join_network(&newcomer, &door);
}

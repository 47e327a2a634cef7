/* SPDX-License-Identifier: Apache-2.0 */
#include "os/membership.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/account.h"
#include "os/file.h"
#include "os/hkdf.h"
#include "os/keyfile.h"
#include "os/settings.h"

/* Corosync's key is of use for nothing else, and says nothing about the cluster's. */
static const char authkey_salt[] = "dvs corosync authkey 1";
#define AUTHKEY_BYTES 256

/* The lines of the settings behind this one are ours as long as they have names of this list. */
static const char *const own_names[] = { "id", "name", "address", "group", "key" };
/*
 * Behind these a line about the users that may ask the daemon. It is the administrator's as soon as it is written: ours
 * goes only as we wrote it.
 */
#define USERS_GROUP "dvs"
static const char users_known[] =
	"# Only root and the users of this group may ask the daemon; without the line every user may.\n"
	"users = " USERS_GROUP "\n";
static const char users_open[] =
	"# Every user of this machine may ask the daemon: there is no group " USERS_GROUP
	" to name here.\n"
	"#users = " USERS_GROUP "\n";
static const char mark[] = "# This node, as `dvs init` or `dvs join` made it:\n";
static const char corosync_mark[] =
	"# Made of " MEMBERSHIP_ROSTER " by dvs, and anew with each change of it.\n";

static const char *path_of(const char *root, const char *name, char path[MEMBERSHIP_PATH_MAX])
{
	int len = snprintf(path, MEMBERSHIP_PATH_MAX, "%s%s", root, name);

	/* Too long: a name that is in no folder. */
	return len < MEMBERSHIP_PATH_MAX ? path : "";
}

static int cannot(struct refusal *refusal, const char *path, const char *what, int r)
{
	return refusal_set_errno(refusal, r, "%.100s cannot be %s: %s", path, what, strerror(-r));
}

/* ---- files that are there ---- */

static bool sets(const char *line, const char *name)
{
	line += strspn(line, " \t");
	return strcspn(line, " \t\r\n=") == strlen(name) && !strncmp(line, name, strlen(name));
}

static bool sets_own(const char *line)
{
	for (size_t i = 0; i < sizeof(own_names) / sizeof(*own_names); i++)
		if (sets(line, own_names[i]))
			return true;
	return false;
}

static bool sets_users(const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sets(line, "users"))
			return true;
	}
	return false;
}

/* The first line that says which node this machine is, or 0. Other settings are an administrator's, and stay. */
static int first_own(const char *text)
{
	int number = 1;

	for (const char *line = text; *line; number++) {
		if (sets_own(line))
			return number;
		line = strchr(line, '\n');
		if (!line)
			return 0;
		line++;
	}
	return 0;
}

static int check_settings(const char *root, struct refusal *refusal)
{
	char path[MEMBERSHIP_PATH_MAX], *text = malloc(SETTINGS_FILE_MAX);
	int r, line;

	if (!text)
		return refusal_set(refusal, EDVSNOMEM, "there is no memory to read the settings");
	r = os_file_read(path_of(root, MEMBERSHIP_SETTINGS, path), text, SETTINGS_FILE_MAX);
	line = r > 0 ? first_own(text) : 0;
	free(text);
	if (r < 0 && r != -ENOENT)
		return cannot(refusal, path, "read", r);
	if (line)
		return refusal_set(
			refusal, EDVSEXIST,
			"%.100s:%d: this machine is set up as a node already: `dvs leave` "
			"first, or remove the lines",
			path, line);
	return 0;
}

static int check_absent(const char *root, const char *name, struct refusal *refusal)
{
	char path[MEMBERSHIP_PATH_MAX];

	if (access(path_of(root, name, path), F_OK) < 0)
		return 0;
	return refusal_set(
		refusal, EDVSEXIST,
		"%.100s is there already: nothing is overwritten; `dvs leave` first, or move "
		"the file away",
		path);
}

/* A line that names an address of a machine, other than the machine's own 127.0.0.1. */
static bool names_machine(const char *line)
{
	static const char *const names[] = { "ring0_addr:", "ring1_addr:", "bindnetaddr:",
					     "mcastaddr:" };

	line += strspn(line, " \t");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *at = line + strlen(names[i]);

		if (strncmp(line, names[i], strlen(names[i])) != 0)
			continue;
		at += strspn(at, " \t");
		return strncmp(at, "127.0.0.1\n", 10) != 0;
	}
	return false;
}

/* The sample that the package of Corosync comes with names one machine, which is this one to itself. */
static bool joins_nothing(const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (names_machine(line))
			return false;
	}
	return true;
}

static int check_corosync(const char *root, struct refusal *refusal)
{
	char path[MEMBERSHIP_PATH_MAX], text[MEMBERSHIP_COROSYNC_MAX];
	int r = os_file_read(path_of(root, MEMBERSHIP_COROSYNC, path), text, sizeof(text));

	if (r == -ENOENT) {
		char *slash = strrchr(path, '/');

		if (slash)
			*slash = '\0';
		if (!os_folder_exists(path))
			return refusal_set(
				refusal, EDVSNOENT,
				"Corosync is not installed, there is no %.80s: `apt install "
				"corosync`, or --group local for one machine alone",
				path);
	}
	if (r < 0 && r != -ENOENT)
		return cannot(refusal, path, "read", r);
	if (r > 0 && !joins_nothing(text))
		return refusal_set(
			refusal, EDVSEXIST,
			"%.100s is of a cluster already: nothing is overwritten; move the "
			"file away if that cluster is over",
			path);
	return check_absent(root, MEMBERSHIP_AUTHKEY, refusal);
}

int membership_check(const char *root, bool corosync, bool kept, struct refusal *refusal)
{
	int r = check_settings(root, refusal);

	if (!r && !kept)
		r = check_absent(root, MEMBERSHIP_KEY, refusal);
	if (!r && !kept)
		r = check_absent(root, MEMBERSHIP_ROSTER, refusal);
	return r || !corosync ? r : check_corosync(root, refusal);
}

int membership_roster(const char *path, struct roster *roster, struct refusal *refusal)
{
	char text[ROSTER_TEXT_MAX + 1];
	int r = os_file_read(path, text, sizeof(text)), line;
	const char *why;

	if (r < 0)
		return cannot(refusal, path, "read", r);
	why = roster_parse(roster, text, (size_t)r, &line);
	if (!why)
		return 0;
	if (line)
		return refusal_set(refusal, EDVSINVAL, "%.80s:%d: %s: change the line", path, line,
				   why);
	return refusal_set(refusal, EDVSINVAL, "%.80s: %s: take the file of another machine", path,
			   why);
}

int membership_authkey(const char *root, struct membership *membership)
{
	char path[MEMBERSHIP_PATH_MAX];
	const struct keyring_key *key = &membership->keyring.key[0];
	const uint8_t id[] = { (uint8_t)(key->id >> 24), (uint8_t)(key->id >> 16),
			       (uint8_t)(key->id >> 8), (uint8_t)key->id };
	int r = os_file_read(path_of(root, MEMBERSHIP_AUTHKEY, path), (char *)membership->authkey,
			     sizeof(membership->authkey));

	assert(membership->keyring.count);
	if (r != -ENOENT) {
		membership->authkey_len = r > 0 ? (size_t)r : 0;
		return r < 0 ? r : 0;
	}
	r = os_hkdf((struct hkdf_input){ key->secret, sizeof(key->secret) },
		    (struct hkdf_input){ authkey_salt, sizeof(authkey_salt) - 1 },
		    (struct hkdf_input){ id, sizeof(id) }, membership->authkey, AUTHKEY_BYTES);
	membership->authkey_len = r ? 0 : AUTHKEY_BYTES;
	return r;
}

/* ---- texts ---- */

/* Appends; all that is written here has room. */
struct paper {
	char *text;
	size_t size, len;
};

static void put(struct paper *paper, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct paper *paper, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(paper->text + paper->len, paper->size - paper->len, format, args);
	va_end(args);
	assert(n >= 0);
	paper->len += (size_t)n;
	assert(paper->len < paper->size);
}

size_t membership_corosync(const struct roster *roster, char text[MEMBERSHIP_COROSYNC_MAX])
{
	struct paper paper = { text, MEMBERSHIP_COROSYNC_MAX, 0 };
	struct roster_network ring[ROSTER_ADDRESSES];
	/* Corosync wants an address of each machine in each ring, and all of a ring of one family. */
	unsigned rings = roster_networks(roster, ring);
	char address[ADDRESS_TEXT];

	put(&paper,
	    "%stotem {\n\tversion: 2\n\tcluster_name: dvs\n\ttransport: knet\n"
	    "\tcrypto_cipher: aes256\n\tcrypto_hash: sha256\n}\nnodelist {\n",
	    corosync_mark);
	for (int id = 0; id < NR_NODES; id++) {
		const struct roster_node *node = &roster->node[id];

		if (!node->count)
			continue;
		put(&paper, "\tnode {\n\t\tnodeid: %d\n\t\tname: %s\n", id + 1, node->name);
		for (unsigned i = 0; i < rings; i++)
			put(&paper, "\t\tring%u_addr: %s\n", i,
			    address_print(*roster_address_in(node, &ring[i]), address));
		put(&paper, "\t}\n");
	}
	put(&paper,
	    "}\nquorum {\n\tprovider: corosync_votequorum\n}\nlogging {\n\tto_syslog: yes\n}\n");
	return paper.len;
}

/* Behind the lines that the paper has. */
static void print_settings(struct paper *paper, const struct membership *membership)
{
	bool said = sets_users(paper->text);
	uint32_t gid;
	const struct roster_node *node = &membership->roster.node[membership->node];
	char address[ADDRESS_TEXT];

	put(paper, "%sid = %d\nname = %s\naddress = %s\n", mark, membership->node, node->name,
	    address_print(node->address[0], address));
	put(paper, "group = %s\nkey = " MEMBERSHIP_KEY "\n",
	    membership->corosync ? "corosync:/run/dvs/order.sock"
				 : "local:/run/dvs/sequencer.sock");
	if (!said)
		put(paper, "%s", os_account_group(USERS_GROUP, &gid) ? users_known : users_open);
}

/* ---- writing ---- */

struct writer {
	const char *root;
	const char **wrote;
	unsigned count;
	struct refusal *refusal;
};

static int done(struct writer *writer, const char *name, const char *path, int r)
{
	if (r)
		return cannot(writer->refusal, path, "written", r);
	assert(writer->count < MEMBERSHIP_FILES_MOST);
	writer->wrote[writer->count++] = name;
	return 0;
}

/* A new file. One that is there stays: membership_check() has let it. */
static int write_new(struct writer *writer, const char *name, unsigned mode, const void *bytes,
		     size_t len)
{
	char path[MEMBERSHIP_PATH_MAX];
	int r = os_file_make(path_of(writer->root, name, path), mode, bytes, len);

	return r == -EEXIST ? 0 : done(writer, name, path, r);
}

static int write_corosync(struct writer *writer, const struct roster *roster)
{
	char path[MEMBERSHIP_PATH_MAX], kept[MEMBERSHIP_PATH_MAX + 8];
	char text[MEMBERSHIP_COROSYNC_MAX];
	int r;

	membership_corosync(roster, text);
	path_of(writer->root, MEMBERSHIP_COROSYNC, path);
	snprintf(kept, sizeof(kept), "%s.orig", path);
	if (rename(path, kept) < 0 && errno != ENOENT)
		return cannot(writer->refusal, path, "renamed", -errno);
	r = os_file_write(path, text);
	if (r)
		(void)rename(kept, path); /* it is there, or there was none */
	return done(writer, MEMBERSHIP_COROSYNC, path, r);
}

/* Behind the lines that the file has. */
static int write_settings(struct writer *writer, const struct membership *membership)
{
	char path[MEMBERSHIP_PATH_MAX], *text = malloc(SETTINGS_FILE_MAX + 1024);
	struct paper paper = { text, SETTINGS_FILE_MAX + 1024, 0 };
	int r = text ? os_file_read(path_of(writer->root, MEMBERSHIP_SETTINGS, path), text,
				    SETTINGS_FILE_MAX)
		     : -ENOMEM;

	if (r >= 0 || r == -ENOENT) {
		paper.len = r > 0 ? (size_t)r : 0;
		text[paper.len] = '\0';
		if (paper.len)
			put(&paper, text[paper.len - 1] == '\n' ? "\n" : "\n\n");
		print_settings(&paper, membership);
		r = os_file_write(path, text);
	}
	free(text);
	return done(writer, MEMBERSHIP_SETTINGS, path, r);
}

static int write_all(struct writer *writer, const struct membership *membership)
{
	char text[ROSTER_TEXT_MAX], key[KEYRING_TEXT_MAX];
	size_t len = keyring_print(&membership->keyring, key);
	int r = write_new(writer, MEMBERSHIP_KEY, 0600, key, len);

	OPENSSL_cleanse(key, sizeof(key));
	len = roster_print(&membership->roster, text);
	if (!r)
		r = write_new(writer, MEMBERSHIP_ROSTER, 0644, text, len);
	if (!r && membership->corosync)
		r = write_new(writer, MEMBERSHIP_AUTHKEY, 0600, membership->authkey,
			      membership->authkey_len);
	if (!r && membership->corosync)
		r = write_corosync(writer, &membership->roster);
	return r ? r : write_settings(writer, membership);
}

static void take_back(const char *root, const char *name)
{
	char path[MEMBERSHIP_PATH_MAX], kept[MEMBERSHIP_PATH_MAX + 8];

	path_of(root, name, path);
	snprintf(kept, sizeof(kept), "%s.orig", path);
	if (strcmp(name, MEMBERSHIP_COROSYNC) != 0 || rename(kept, path) < 0)
		unlink(path);
}

void membership_forget(struct membership *membership)
{
	OPENSSL_cleanse(&membership->keyring, sizeof(membership->keyring));
	OPENSSL_cleanse(membership->authkey, sizeof(membership->authkey));
}

int membership_make(const char *root, const struct membership *membership,
		    const char *wrote[MEMBERSHIP_FILES_MOST + 1], struct refusal *refusal)
{
	struct writer writer = { root, wrote, 0, refusal };
	struct membership whole = *membership;
	int r = 0;

	assert(whole.roster.node[whole.node].count);
	if (whole.corosync && !whole.authkey_len)
		r = membership_authkey(root, &whole);
	if (r)
		r = cannot(refusal, MEMBERSHIP_AUTHKEY, "made", r);
	else
		r = write_all(&writer, &whole);
	membership_forget(&whole);
	/* The settings come last, and are whole or as they were. */
	while (r && writer.count)
		take_back(root, wrote[--writer.count]);
	wrote[writer.count] = NULL;
	return r;
}

/* ---- changes ---- */

bool membership_is_shared(const char *root)
{
	char path[MEMBERSHIP_PATH_MAX];

	return access(path_of(root, MEMBERSHIP_AUTHKEY, path), F_OK) == 0;
}

bool membership_is_node(const char *root, const struct membership *membership)
{
	char path[MEMBERSHIP_PATH_MAX], lines[sizeof(mark) + 64], *text = malloc(SETTINGS_FILE_MAX);
	bool is;

	assert(membership->node >= 0);
	snprintf(lines, sizeof(lines), "%sid = %d\nname = %s\n", mark, membership->node,
		 membership->roster.node[membership->node].name);
	is = text &&
	     os_file_read(path_of(root, MEMBERSHIP_SETTINGS, path), text, SETTINGS_FILE_MAX) > 0 &&
	     strstr(text, lines);
	free(text);
	return is;
}

static int check_newer(const char *path, const struct roster *roster, struct refusal *refusal)
{
	char old_text[ROSTER_TEXT_MAX], text[ROSTER_TEXT_MAX];
	struct roster old;
	int r = membership_roster(path, &old, refusal);

	if (r)
		return r;
	roster_print(&old, old_text);
	roster_print(roster, text);
	if (old.change < roster->change || !strcmp(old_text, text))
		return 0;
	return refusal_set(
		refusal, EDVSAGAIN,
		"another change of the list of machines came first (%.80s has change %u): try "
		"again",
		path, old.change);
}

static bool is_ours(const char *path)
{
	char text[MEMBERSHIP_COROSYNC_MAX];

	return os_file_read(path, text, sizeof(text)) > 0 &&
	       !strncmp(text, corosync_mark, sizeof(corosync_mark) - 1);
}

int membership_change(const char *root, const struct roster *roster, struct refusal *refusal)
{
	char path[MEMBERSHIP_PATH_MAX], conf[MEMBERSHIP_PATH_MAX], text[MEMBERSHIP_COROSYNC_MAX];
	int r = check_newer(path_of(root, MEMBERSHIP_ROSTER, path), roster, refusal);

	_Static_assert(sizeof(text) >= ROSTER_TEXT_MAX, "one buffer is enough");
	if (r)
		return r;
	roster_print(roster, text);
	r = os_file_write(path, text);
	if (r)
		return cannot(refusal, path, "written", r);
	if (!is_ours(path_of(root, MEMBERSHIP_COROSYNC, conf)))
		return 0;
	membership_corosync(roster, text);
	r = os_file_write(conf, text);
	return r ? cannot(refusal, conf, "written", r) : 0;
}

/* Our lines go, with the empty one that was put before them. Whether there were any. */
static bool cut_settings(char *text)
{
	char *ours = strstr(text, mark), *rest;

	if (!ours)
		return false;
	rest = ours + strlen(mark);
	while (sets_own(rest)) {
		char *end = strchr(rest, '\n');

		rest = end ? end + 1 : rest + strlen(rest);
	}
	if (!strncmp(rest, users_known, sizeof(users_known) - 1))
		rest += sizeof(users_known) - 1;
	else if (!strncmp(rest, users_open, sizeof(users_open) - 1))
		rest += sizeof(users_open) - 1;
	if (ours - text >= 2 && ours[-1] == '\n' && ours[-2] == '\n')
		ours--;
	memmove(ours, rest, strlen(rest) + 1);
	return true;
}

void membership_end(const char *root)
{
	char path[MEMBERSHIP_PATH_MAX], *text = malloc(SETTINGS_FILE_MAX);

	if (is_ours(path_of(root, MEMBERSHIP_COROSYNC, path))) {
		take_back(root, MEMBERSHIP_COROSYNC);
		take_back(root, MEMBERSHIP_AUTHKEY);
	}
	take_back(root, MEMBERSHIP_ROSTER);
	take_back(root, MEMBERSHIP_KEY);
	path_of(root, MEMBERSHIP_SETTINGS, path);
	if (text && os_file_read(path, text, SETTINGS_FILE_MAX) > 0 && cut_settings(text))
		os_file_write(path, text);
	free(text);
}

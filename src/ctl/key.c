/* SPDX-License-Identifier: Apache-2.0 */

/* `dvs key`: the cluster's key, in a file that only root can read. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/keyring.h"
#include "client/client.h"
#include "ctl/program.h"
#include "ctl/render.h"
#include "ctl/verb.h"
#include "os/keyfile.h"
#include "os/options.h"

static const struct verb key_verbs[] = {
	{ "make", "FILE [--json]",
	  "make a new key in a new file, which the other nodes get a copy of", verb_key_make },
	{ "reload", "[--json]", "the daemon reads its key file again, as after a copy of it",
	  verb_key_reload },
	{ "rotate", "FILE [--json]",
	  "one step of an exchange of keys: a new key is accepted as well; then it is used; then the old one "
	  "goes. The daemon here reads the file at once; after each step every other node gets the file and "
	  "`dvs -n NODE key reload`",
	  verb_key_rotate },
	{ "show", "FILE [--json]", "the numbers of the keys in a file, and never the keys",
	  verb_key_show },
	{ NULL, NULL, NULL, NULL },
};

/* Its one operand, which is a file. */
static int file_word(const struct verb *verb, bool *json, int argc, char **argv, const char **path)
{
	const struct option_row rows[] = { VERB_JSON(json), VERB_OPTIONS_END };
	struct options words;
	int status = verb_options(verb, rows, argc, argv, &words);

	if (status != GO_ON)
		return status;
	if (words.count != 1)
		return verb_usage(verb, words.count ? "there is one FILE" : "FILE is missing");
	*path = words.operand[0];
	return GO_ON;
}

static int show(const char *path, bool json, struct keyring *shown)
{
	struct refusal refusal = REFUSAL_NONE;
	struct keyring keyring;
	const char *word[KEYRING_KEYS];
	char number[KEYRING_KEYS][12];
	json_t *list;

	if (os_keyfile_read(path, &keyring, &refusal))
		return verb_refuse(&refusal);
	for (unsigned i = 0; i < keyring.count; i++)
		snprintf(number[i], sizeof(number[i]), "%08x", keyring.key[i].id);
	for (unsigned i = 0; i < keyring.count; i++)
		word[i] = keyring_word(&keyring, i);
	for (unsigned i = 0; i < keyring.count; i++)
		explicit_bzero(keyring.key[i].secret, sizeof(keyring.key[i].secret));
	if (shown)
		*shown = keyring;
	if (json) {
		list = json_array();
		for (unsigned i = 0; i < keyring.count; i++)
			json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "key", number[i],
							      "use", word[i], "primary", i == 0));
		return render_document(list);
	}
	for (unsigned i = 0; i < keyring.count; i++)
		printf("%-7s %s\n", word[i], number[i]);
	return DONE;
}

int verb_key_show(const struct verb *verb, int node, int argc, char **argv)
{
	const char *path;
	bool json = false;
	int status = file_word(verb, &json, argc, argv, &path);

	(void)node;
	return status == GO_ON ? show(path, json, NULL) : status;
}

static int ask_daemon(int node, struct ctl_keys *done, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_KEYS);
	int r = client_call(node, &request, NULL, 0, done, sizeof(*done), refusal);

	done->path[sizeof(done->path) - 1] = '\0';
	return r;
}

int verb_key_reload(const struct verb *verb, int node, int argc, char **argv)
{
	struct refusal refusal = REFUSAL_NONE;
	bool json = false;
	const struct option_row rows[] = { VERB_JSON(&json), VERB_NODE(&node), VERB_OPTIONS_END };
	struct options words;
	struct ctl_keys done;
	int status = verb_options(verb, rows, argc, argv, &words);

	if (status != GO_ON)
		return status;
	if (words.count)
		return verb_usage(verb, "unexpected word %s: -n names the node", words.operand[0]);
	if (ask_daemon(node, &done, &refusal) < 0)
		return verb_refuse(&refusal);
	if (json)
		return render_document(json_pack(
			"{s:i, s:s, s:I, s:I, s:b, s:i}", "node", done.nodeid, "file", done.path,
			"primary", (json_int_t)done.key[0], "other", (json_int_t)done.key[1],
			"next", done.next, "ended", (int)done.ended));
	printf("node %d has read %s: primary %08x", done.nodeid, done.path, done.key[0]);
	if (done.count > 1)
		printf(", %s %08x", done.next ? "next" : "old", done.key[1]);
	printf("; %u connections had another key, and are made anew\n", done.ended);
	return DONE;
}

/*
 * The daemon that reads this file takes the step at once. A file that no daemon here reads is a copy for others, which
 * is said.
 */
static int tell_daemon(int node, const char *path, const struct keyring *keyring)
{
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_keys done;
	int r = ask_daemon(node, &done, &refusal);

	if (r == EDVSDVSINIT || r == EDVSNONODE) {
		fprintf(stderr, "dvs key rotate: no daemon runs here that could be told\n");
		return DONE;
	}
	if (r < 0)
		return verb_refuse(&refusal);
	if (done.count != keyring->count || done.key[0] != keyring->key[0].id)
		fprintf(stderr,
			"dvs key rotate: node %d reads another file, %s: copy %s there, and tell it "
			"with dvs key reload\n",
			done.nodeid, done.path, path);
	return DONE;
}

int verb_key_rotate(const struct verb *verb, int node, int argc, char **argv)
{
	struct refusal refusal = REFUSAL_NONE;
	struct keyring keyring;
	const char *path;
	bool json = false;
	int status = file_word(verb, &json, argc, argv, &path);

	if (status != GO_ON)
		return status;
	if (os_keyfile_turn(path, &refusal))
		return verb_refuse(&refusal);
	status = show(path, json, &keyring);
	return status == DONE ? tell_daemon(node, path, &keyring) : status;
}

int verb_key_make(const struct verb *verb, int node, int argc, char **argv)
{
	struct refusal refusal = REFUSAL_NONE;
	const char *path;
	bool json = false;
	int status = file_word(verb, &json, argc, argv, &path), r;

	(void)node;
	if (status != GO_ON)
		return status;
	r = os_keyfile_make(path);
	if (!r)
		return show(path, json, NULL);
	if (r == -EEXIST)
		refusal_set(&refusal, EDVSEXIST,
			    "%.100s is there already: a key that is in use is not replaced", path);
	else
		refusal_set_errno(&refusal, -r, "%.100s cannot be made: %s", path, strerror(-r));
	return verb_refuse(&refusal);
}

int verb_key(const struct verb *verb, int node, int argc, char **argv)
{
	char why[64];

	program_set_name("dvs", "key");
	if (argc && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))) {
		printf("usage: dvs key VERB [ARGUMENT...]\n");
		verb_print_table(key_verbs, false);
		return DONE;
	}
	verb = argc ? verb_find(key_verbs, argv[0]) : NULL;
	snprintf(why, sizeof(why), "unknown verb %.30s", argc ? argv[0] : "");
	if (!verb)
		return verb_usage_table(key_verbs, argc ? why : NULL);
	program_set_name("dvs key", verb->name);
	return verb_run_row(verb, node, argc - 1, argv + 1);
}

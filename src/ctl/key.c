/* SPDX-License-Identifier: Apache-2.0 */

/* `dvs key`: the cluster's key, in a file that only root can read. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/keyring.h"
#include "ctl/program.h"
#include "ctl/render.h"
#include "ctl/verb.h"
#include "os/keyfile.h"
#include "os/options.h"

static const struct verb key_verbs[] = {
	{ "make", "FILE [--json]",
	  "make a new key in a new file, which the other nodes get a copy of", verb_key_make },
	{ "rotate", "FILE [--json]",
	  "one step of an exchange of keys: a new key is accepted as well; then it is used; then the old one "
	  "goes. After each, every node gets the file and `dvs -n NODE restart`",
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

static int show(const char *path, bool json)
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
	explicit_bzero(&keyring.key, sizeof(keyring.key));
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
	return status == GO_ON ? show(path, json) : status;
}

int verb_key_rotate(const struct verb *verb, int node, int argc, char **argv)
{
	struct refusal refusal = REFUSAL_NONE;
	const char *path;
	bool json = false;
	int status = file_word(verb, &json, argc, argv, &path);

	(void)node;
	if (status != GO_ON)
		return status;
	return os_keyfile_turn(path, &refusal) ? verb_refuse(&refusal) : show(path, json);
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
		return show(path, json);
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

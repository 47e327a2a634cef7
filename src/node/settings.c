/* SPDX-License-Identifier: Apache-2.0 */
#include "node/settings.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/refusal.h"
#include "base/result.h"
#include "os/keyfile.h"
#include "os/log.h"
#include "os/self.h"
#include "wire/ctl.h"

#define OF(member)  offsetof(struct node_settings, member)
#define FD_MOST	    (1 << 20)
#define WRONG_USAGE 2

/* Places in the table. */
#define CONFIG 0
#define ADOPT  1

static const char *const links[] = { "secure", "plain", NULL };
static const char *const levels[] = { "error", "warn", "info", "debug", NULL };

/* clang-format off */
const struct setting node_settings_table[] = {
	{ "config", "FILE", SETTING_WORD, SETTING_LINE, 1, NODE_PATH_MOST, NULL, NULL, NULL,
	  "read the settings of this file as well, lines like \"port = 7700\"; what stands on the command line goes before",
	  OF(config) },
	{ "adopt", "FD", SETTING_NUMBER, SETTING_LINE | SETTING_HIDDEN, 3, FD_MOST, NULL, NULL, NULL,
	  "the state of the daemon whose successor this one is",
	  OF(adopt_fd) },
	{ "after", "PID", SETTING_NUMBER, SETTING_LINE | SETTING_HIDDEN, 2, INT32_MAX, NULL, NULL, NULL,
	  "the daemon that ends before this one begins",
	  OF(after) },
	{ "id", "N", SETTING_NUMBER, SETTING_NEEDED, 0, NR_NODES - 1, NULL, NULL, "0",
	  "number of this node, another one for each",
	  OF(id) },
	{ "name", "NAME", SETTING_WORD, 0, 1, MAXNODENAME - 1, NULL, NULL, "alpha",
	  "name of this node, which the tables show; without one it is called node and its number",
	  OF(name) },
	{ "address", "A", SETTING_ADDRESS, SETTING_NEEDED, 0, 0, NULL, NULL, "192.0.2.1",
	  "address at which the other nodes reach this one, in IPv4 or IPv6",
	  OF(address) },
	{ "port", "P", SETTING_NUMBER, 0, 1, 65535, NULL, "7700", NULL,
	  "TCP port of the links, the same on every node",
	  OF(port) },
	{ "group", "SPEC", SETTING_WORD, SETTING_NEEDED, 1, NODE_PATH_MOST, NULL, NULL, "corosync:/run/dvs/order.sock",
	  "the engine that puts the commands of all nodes in order: local:PATH, the socket of a dvs-sequencer, or "
	  "corosync:PATH, that of a dvs-corosync on this machine",
	  OF(group) },
	{ "key", "FILE", SETTING_WORD, 0, 1, NODE_PATH_MOST, NULL, NULL, "/etc/dvs/key",
	  "the key of the cluster, which every connection between nodes proves: a file that only root can read, the same on every "
	  "node; `dvs key make` makes one. Without it this node has links to no other",
	  OF(key) },
	{ "links", "KIND", SETTING_CHOICE, 0, 0, 0, links, "secure", NULL,
	  "plain goes without a key, for measurement only: then whatever reaches the port of the links has this node",
	  OF(links) },
	{ "socket", "PATH", SETTING_WORD, 0, 1, 107, NULL, NULL, CTL_SOCKET_FOLDER "/dvsd.sock",
	  "control socket beside the abstract one, for the command line and for programs of other network namespaces; "
	  "without a path it is " CTL_SOCKET_FOLDER "/dvsd.sock, if no other daemon has that",
	  OF(socket) },
	{ "users", "GROUP", SETTING_GROUP, 0, 0, 0, NULL, NULL, "dvs",
	  "besides root, only users of this group may ask the daemon, the same group number on every node; without it every user "
	  "may. What they then may do is a matter of the containers",
	  OF(users) },
	{ "log-bytes", "N", SETTING_NUMBER, SETTING_RELOADED, CTL_LOG_LEAST, CTL_LOG_MOST, NULL, "1048576", NULL,
	  "how many bytes of the output of a process are kept for `dvs logs`, the last ones, where `dvs run` says no other number",
	  OF(log_bytes) },
	{ "log-level", "LEVEL", SETTING_CHOICE, SETTING_RELOADED, 0, 0, levels, "info", NULL,
	  "the daemon's own log has lines of this level and of graver ones",
	  OF(log_level) },
	{ "carried", "FOLDER", SETTING_WORD, 0, 1, NODE_PATH_MOST, NULL, "/var/lib/dvs/files", NULL,
	  "where the files are kept that come with processes (`dvs migrate --carry-files`), each once, by its contents; on a file "
	  "system whose programs may run",
	  OF(carried) },
	{ "carried-mbytes", "N", SETTING_NUMBER, 0, 0, 1 << 30, NULL, "4096", NULL,
	  "how many megabytes of them are kept; those that no process uses make room for new ones",
	  OF(carried_mbytes) },
	{ "ready-fd", "FD", SETTING_NUMBER, SETTING_LINE, 3, FD_MOST, NULL, NULL, NULL,
	  "one byte is written here when the node is a member",
	  OF(ready_fd) },
	{ NULL, NULL, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0 },
};
/* clang-format on */

_Static_assert(CTL_LOG_DEFAULT == 1048576, "as the table says");

const struct program *node_settings_program(void)
{
	static struct program program = { "dvsd", NULL };
	static char text[8192];

	if (program.usage)
		return &program;
	settings_usage(
		node_settings_table,
		"usage: dvsd --id N --address A --group SPEC [OPTION VALUE]...\n"
		"       dvsd --config FILE [OPTION VALUE]... [--check]\n"
		"       dvsd --sample | --costs | --version | --help\n\n",
		"  --check            only look whether the settings are complete and right, and the key\n"
		"                     file as well\n"
		"  --sample           alone: print a file with all settings, explained\n"
		"  --costs            alone: measure by what costs of this machine waiters decide\n"
		"  --version          alone: which release, and which versions a restart may not "
		"change\n\n"
		"SIGHUP has the files read again: keys, log-bytes and log-level take effect at "
		"once.\n",
		text, sizeof(text));
	program.usage = text;
	return &program;
}

/* Takes the words, and what the file says. False: settings->why; or --help is among the words, and it is empty. */
static bool read_all(struct settings *settings, struct node_settings *values, int argc, char **argv)
{
	const struct setting *table = node_settings_table;
	const char *word[SETTINGS_MAX] = { NULL };
	struct option_row rows[SETTINGS_MAX + 2] = { { NULL, 0, OPTION_FLAG, NULL } };
	struct options options;
	size_t n = 0;

	for (; table[n].name; n++)
		rows[n] = (struct option_row){ table[n].name, 0, OPTION_WORD, &word[n] };
	rows[n] = (struct option_row){ "check", 0, OPTION_FLAG, &values->check };
	if (!options_parse(&options, rows, -1, argc - 1, argv + 1)) {
		memcpy(settings->why, options.why, sizeof(options.why));
		return false;
	}
	if (options.count) {
		snprintf(settings->why, sizeof(settings->why), "unexpected word \"%.40s\"",
			 options.operand[0]);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		values->on_line |= word[i] ? 1u << i : 0;
	if (word[CONFIG] && !settings_set(settings, &table[CONFIG], word[CONFIG]))
		return false;
	if (word[CONFIG] && !settings_read(settings, values->config)) {
		if (!(values->on_line >> ADOPT & 1))
			return false;
		os_log(OS_LOG_ERROR, "%s; the daemon goes on without that file", settings->why);
		settings_init(settings, table, values);
		settings_set(settings, &table[CONFIG], word[CONFIG]);
	}
	for (size_t i = CONFIG + 1; i < n; i++)
		if (word[i] && !settings_set(settings, &table[i], word[i]))
			return false;
	return settings_complete(settings, word[CONFIG] ? values->config : NULL);
}

/* Rules that hold between settings. False: settings->why. */
static bool fit(struct settings *settings, const struct node_settings *values)
{
	const char *why = NULL;

	if (values->links && values->key[0])
		why = "key and links plain exclude each other";
	if (why && values->config[0])
		snprintf(settings->why, sizeof(settings->why), "%s: %s", values->config, why);
	else if (why)
		snprintf(settings->why, sizeof(settings->why), "--%s", why);
	return !why;
}

int node_settings_read(struct node_settings *values, int argc, char **argv)
{
	const struct program *program = node_settings_program();
	struct settings settings;

	*values = (struct node_settings){
		.id = -1, .ready_fd = -1, .adopt_fd = -1, .users = RIGHT_NO_GROUP
	};
	settings_init(&settings, node_settings_table, values);
	if (read_all(&settings, values, argc, argv) && fit(&settings, values)) {
		if (!values->name[0])
			snprintf(values->name, sizeof(values->name), "node%d", values->id);
		return -1;
	}
	if (!settings.why[0]) {
		fputs(program->usage, stdout);
		return os_self_finish(program->name, 0);
	}
	/* Where a file is wrong, the options do not help. */
	if (!values->config[0])
		return program_refuse(program, "%s", settings.why);
	fprintf(stderr, "dvsd: %s\n", settings.why);
	return WRONG_USAGE;
}

int node_settings_check(const struct node_settings *values)
{
	struct refusal refusal = REFUSAL_NONE;
	struct keyring keyring;
	int r = 0;

	assert(!values->links || !values->key[0]);
	if (values->key[0])
		r = os_keyfile_read(values->key, &keyring, &refusal);
	explicit_bzero(&keyring, sizeof(keyring));
	if (r) {
		fprintf(stderr, "dvsd: %s (%s)\n", refusal.reason, result_name(r));
		return 1;
	}
	printf("%s: all settings are right\n", values->config[0] ? values->config : "dvsd");
	return os_self_finish("dvsd", 0);
}

/* The value as text. */
static const char *show(const struct setting *row, const struct node_settings *values, char *number,
			size_t size)
{
	const void *value = (const char *)values + row->offset;

	switch (row->kind) {
	case SETTING_WORD:
		return value;
	case SETTING_CHOICE:
		return row->choices[*(const int *)value];
	case SETTING_NUMBER:
		snprintf(number, size, "%d", *(const int *)value);
		return number;
	case SETTING_GROUP: /* its number: the name may mean another one by then */
		if (*(const uint32_t *)value == RIGHT_NO_GROUP)
			return "";
		snprintf(number, size, "%u", *(const uint32_t *)value);
		return number;
	case SETTING_ADDRESS:
		return address_print(*(const struct address *)value, number);
	}
	return "";
}

char *const *node_settings_words(const struct node_settings *values)
{
	static char text[SETTINGS_MAX][2][NODE_PATH_MOST + 1], *words[2 * SETTINGS_MAX + 2];
	static char name[] = "dvsd";
	int count = 0;

	words[count++] = name;
	for (int i = 0; node_settings_table[i].name; i++) {
		const struct setting *row = &node_settings_table[i];
		bool once = row->flags & SETTING_LINE && i != CONFIG;
		bool changes = row->flags & SETTING_RELOADED && !(values->on_line >> i & 1);
		char number[ADDRESS_TEXT];
		const char *value = show(row, values, number, sizeof(number));

		if (once || changes || !value[0])
			continue;
		snprintf(text[i][0], sizeof(text[i][0]), "--%s", row->name);
		snprintf(text[i][1], sizeof(text[i][1]), "%s", value);
		words[count++] = text[i][0];
		words[count++] = text[i][1];
	}
	words[count] = NULL;
	return words;
}

static void copy(const struct setting *row, struct node_settings *to,
		 const struct node_settings *from)
{
	assert(row->kind == SETTING_NUMBER || row->kind == SETTING_CHOICE);
	memcpy((char *)to + row->offset, (const char *)from + row->offset, sizeof(int));
}

bool node_settings_again(struct node_settings *values, char *why, size_t size)
{
	struct settings settings;
	struct node_settings now = *values;

	why[0] = '\0';
	settings_init(&settings, node_settings_table, &now);
	if (!settings_read(&settings, values->config)) {
		snprintf(why, size, "%s", settings.why);
		return false;
	}
	for (int i = 0; node_settings_table[i].name; i++) {
		const struct setting *row = &node_settings_table[i];

		if (row->flags & SETTING_RELOADED) {
			if (!(values->on_line >> i & 1))
				copy(row, values, &now);
		} else if (settings.given >> i & 1 && !settings_same(row, values, &now)) {
			snprintf(why, size,
				 "%s:%d: %s is other than the one that this node runs with, which "
				 "stays until the daemon is stopped and started",
				 values->config, settings.line[i], row->name);
		}
	}
	return true;
}

void node_settings_sample(void)
{
	puts("# Settings of dvsd, the daemon of a DVS node. Each line is `name = value`; a comment is a line of its\n"
	     "# own. A line that is commented out shows the default, or an example where a line is needed.\n"
	     "# `dvsd --config FILE --check` looks whether all is right.");
	settings_sample(node_settings_table, stdout);
}

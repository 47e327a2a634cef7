/* SPDX-License-Identifier: Apache-2.0 */

/* `dvs init`: this machine is the first node of a new cluster. */

#include <string.h>

#include "ctl/newcomer.h"
#include "ctl/verb.h"
#include "os/keyfile.h"

static const char *const next_corosync[] = {
	"systemctl restart corosync",
	"systemctl enable --now dvs-corosync dvsd",
	"dvs invite            # for each further machine",
	NULL,
};
static const char *const next_local[] = {
	"systemctl enable --now dvs-sequencer dvsd",
	NULL,
};

static int init(const struct newcomer *newcomer, bool corosync)
{
	const char *wrote[MEMBERSHIP_FILES_MOST + 1];
	struct refusal refusal = REFUSAL_NONE;
	struct membership membership = { .corosync = corosync, .roster.change = 1 };
	int r = newcomer_node(newcomer, &membership.roster.node[0], &refusal);

	if (!r)
		r = membership_check(newcomer->root, corosync, false, &refusal);
	if (!r) {
		os_keyfile_alone(&membership.keyring);
		r = membership_make(newcomer->root, &membership, wrote, &refusal);
		membership_forget(&membership);
	}
	return r ? verb_refuse(&refusal)
		 : newcomer_done(newcomer, &membership, wrote,
				 corosync ? next_corosync : next_local);
}

int verb_init(const struct verb *verb, int node, int argc, char **argv)
{
	struct newcomer newcomer = { .root = "" };
	const char *group = "corosync";
	const struct option_row rows[] = { { "group", 0, OPTION_WORD, &group },
					   NEWCOMER_OPTIONS(newcomer) };
	int status = verb_words(verb, rows, NULL, 0, argc, argv);

	(void)node;
	if (status != GO_ON)
		return status;
	if (strcmp(group, "corosync") != 0 && strcmp(group, "local") != 0)
		return verb_usage(
			verb, "--group is corosync, or local for one machine alone, not \"%.20s\"",
			group);
	return init(&newcomer, group[0] == 'c');
}

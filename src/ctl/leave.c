/* SPDX-License-Identifier: Apache-2.0 */

/*
 * `dvs leave`: this machine is no node any more. Its processes move away, or nothing else happens; then its services
 * end and its files go.
 *
 * With a node, on a machine that stays: that one is taken off the list. It has to be gone: a Corosync expects fewer
 * votes only when it reads its file without a machine that is no member any more.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "ctl/members.h"
#include "ctl/render.h"
#include "ctl/verb.h"
#include "os/child.h"
#include "os/membership.h"
#include "os/options.h"
#include "os/self.h"

#define RELOADS_MOST 20
#define RELOAD_MS    500

struct leaving {
	struct roster roster;
	int node;
	char name[MAXNODENAME];
	bool shared; /* it is a cluster of several machines */
};

static int find_self(struct leaving *leaving, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_STATUS);
	struct ctl_node_status state;
	int r = client_call(-1, &request, NULL, 0, &state, sizeof(state), refusal);

	if (r)
		return r;
	leaving->node = state.nodeid;
	if (state.nodeid < 0 || state.nodeid >= NR_NODES ||
	    !leaving->roster.node[state.nodeid].count)
		return refusal_set(refusal, EDVSNONODE,
				   MEMBERSHIP_ROSTER
				   " has no node %d, which this machine's daemon is: "
				   "leave by hand, as OPERATIONS says",
				   state.nodeid);
	if (roster_count(&leaving->roster) == 1 && state.processes)
		return refusal_set(
			refusal, EDVSBUSY,
			"%d processes run on this node, and there is no other one to which they "
			"could move: end them first (dvs ps, dvs stop)",
			state.processes);
	return 0;
}

static int find_other(struct leaving *leaving, const char *word, struct refusal *refusal)
{
	const struct roster *roster = &leaving->roster;
	int id = roster_find(roster, word);
	uint32_t up;

	if (id < 0 && (!options_number(word, 0, NR_NODES - 1, &id) || !roster->node[id].count))
		return refusal_set(refusal, EDVSNONODE, MEMBERSHIP_ROSTER " has no node \"%.40s\"",
				   word);
	leaving->node = id;
	if (members_up(&up, refusal))
		return refusal->error;
	if (up >> id & 1)
		return refusal_set(
			refusal, EDVSBUSY,
			"node %d (%s) is up: run `dvs leave` there, so that its processes move "
			"away",
			id, roster->node[id].name);
	return 0;
}

/* Everything moves away, or the node stays. */
static int drain(const struct leaving *leaving, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_DRAIN);
	struct ctl_move *moves;
	void *rows;
	size_t count;
	int r;

	assert(leaving->node >= 0);
	request.nodeid = leaving->node;
	r = client_rows(-1, &request, sizeof(*moves), &rows, &count, refusal);
	moves = rows;
	for (size_t i = 0; i < count; i++) {
		if (moves[i].result == CTL_MOVE_COMMITTED)
			continue;
		/* In place of the daemon's word, which counts them. */
		*refusal = REFUSAL_NONE;
		r = refusal_set_number(
			refusal, moves[i].error,
			"endpoint %d of container %d stays here, and so does the node: %.120s",
			moves[i].endpoint, moves[i].dcid, moves[i].reason);
		break;
	}
	free(rows);
	return r;
}

/* Until the node has a quorum: a Corosync that still waits for the dead reads its file in vain. */
static int reload(struct refusal *refusal)
{
	struct ctl_node_status state = { .quorum = 0 };
	int r = 0;

	for (int i = 0; i < RELOADS_MOST && !r && state.quorum <= 0; i++) {
		struct ctl_request request = client_request(CTL_STATUS);

		r = members_reload(refusal);
		os_self_sleep_ms(RELOAD_MS);
		if (!r)
			r = client_call(-1, &request, NULL, 0, &state, sizeof(state), refusal);
	}
	if (r || state.quorum > 0)
		return r;
	return refusal_set(
		refusal, EDVSNOCONN,
		"the node is off the list, and the cluster has no quorum yet: `corosync-cfgtool "
		"-R` once more when that machine is gone");
}

/* The others have a list without the node. */
static int strike(struct leaving *leaving, struct refusal *refusal)
{
	int r;

	assert(leaving->roster.node[leaving->node].count);
	leaving->roster.node[leaving->node] = (struct roster_node){ .count = 0 };
	leaving->roster.change++;
	if (!roster_count(&leaving->roster))
		return refusal_set(refusal, EDVSINVAL,
				   "it is the only machine on the list: run `dvs leave` there");
	r = members_check_up(&leaving->roster, 0, refusal);
	if (!r)
		r = members_tell(&leaving->roster, members_all(&leaving->roster), refusal);
	return r ? r : reload(refusal);
}

/* A service that cannot be stopped is reported, and stopped by hand. */
static bool stop_services(bool shared)
{
	char systemctl[] = "systemctl", disable[] = "disable", now[] = "--now", dvsd[] = "dvsd",
	     engine[] = "dvs-corosync", sequencer[] = "dvs-sequencer", stop[] = "stop",
	     corosync[] = "corosync", output[160];
	char *ours[] = { systemctl, disable, now, dvsd, shared ? engine : sequencer, NULL };
	char *theirs[] = { systemctl, stop, corosync, NULL };
	bool good = !os_child_run(ours, 0, NULL, output, sizeof(output));

	if (shared)
		good &= !os_child_run(theirs, 0, NULL, output, sizeof(output));
	return good;
}

static int finish(const struct leaving *leaving, bool json, bool self, bool stopped)
{
	bool last = roster_count(&leaving->roster) == 1;

	assert(leaving->name[0]);
	if (json)
		return render_document(json_pack("{s:i, s:s, s:b, s:b}", "node", leaving->node,
						 "name", leaving->name, "self", self, "stopped",
						 stopped));
	if (!self) {
		printf("node %d (%s) is off the list: its vote is not missed any more\n",
		       leaving->node, leaving->name);
		return DONE;
	}
	printf("this machine is not node %d (%s) any more\n", leaving->node, leaving->name);
	printf("removed: key, list of machines and settings of the node; left: the packages and "
	       "/var/lib/dvs\nnext:\n");
	if (!stopped)
		printf("    systemctl disable --now dvsd %s\n",
		       leaving->shared ? "dvs-corosync; systemctl stop corosync" : "dvs-sequencer");
	if (!last)
		printf("    dvs leave %s      # on another machine: its vote is missed until then\n",
		       leaving->name);
	printf("    apt purge dvs       # or dvs init, or dvs join\n");
	return DONE;
}

static int leave(const char *root, const char *word, bool json)
{
	struct refusal refusal = REFUSAL_NONE;
	struct leaving leaving = { .shared = membership_is_shared(root) };
	char path[MEMBERSHIP_PATH_MAX];
	bool stopped = false;
	int r;

	snprintf(path, sizeof(path), "%s" MEMBERSHIP_ROSTER, root);
	r = membership_roster(path, &leaving.roster, &refusal);
	if (!r)
		r = word ? find_other(&leaving, word, &refusal) : find_self(&leaving, &refusal);
	if (!r && !word && roster_count(&leaving.roster) > 1)
		r = drain(&leaving, &refusal);
	if (!r)
		memcpy(leaving.name, leaving.roster.node[leaving.node].name, MAXNODENAME);
	if (!r && word)
		r = strike(&leaving, &refusal);
	if (r)
		return verb_refuse(&refusal);
	if (!word) {
		stopped = stop_services(leaving.shared);
		membership_end(root);
	}
	return finish(&leaving, json, !word, stopped);
}

int verb_leave(const struct verb *verb, int node, int argc, char **argv)
{
	const char *root = "";
	bool json = false;
	const struct option_row rows[] = { { "root", 0, OPTION_WORD, &root },
					   VERB_JSON(&json),
					   VERB_OPTIONS_END };
	struct options words;
	int status = verb_options(verb, rows, argc, argv, &words);

	(void)node;
	if (status != GO_ON)
		return status;
	if (words.count > 1)
		return verb_usage(verb, "unexpected word \"%.40s\"", words.operand[1]);
	return leave(root, words.count ? words.operand[0] : NULL, json);
}

/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdio.h>

#include "ctl/labend.h"
#include "ctl/labnet.h"
#include "ctl/labnode.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/verb.h"

#define START_MS 10000

/* NODE and --json. GO_ON or the exit status. */
static int parse_node(const struct verb *verb, int argc, char **argv, int *id, bool *json)
{
	const struct option_row rows[] = {
		VERB_JSON(json),
		VERB_OPTIONS_END,
	};

	return verb_words(verb, rows,
			  (const struct operand_row[]){ { "NODE", id }, { NULL, NULL } }, 1, argc,
			  argv);
}

static int report(int id, bool up, bool json)
{
	if (json)
		return render_document(json_pack("{s:i, s:b}", "node", id, "up", up));
	printf("node %d %s\n", id, up ? "is up" : "is killed");
	return DONE;
}

int verb_lab_kill(const struct verb *verb, int node, int argc, char **argv)
{
	struct refusal refusal = REFUSAL_NONE;
	struct lab lab;
	bool json = false;
	int r = parse_node(verb, argc, argv, &node, &json);

	if (r != GO_ON)
		return r;
	if (lab_load_node(&lab, true, node, &refusal) < 0)
		return verb_refuse(&refusal);
	/* The record stays: it names the task, and each reader of it sees that this task has ended. */
	r = labend_kill(&lab, 1u << node, &refusal);
	lab_unlock(&lab);
	if (r < 0)
		return verb_refuse(&refusal);
	return report(node, false, json);
}

/* A daemon that ended by itself leaves a namespace with a cable behind: it is cleared away first. */
static int start(struct lab *lab, int id, struct refusal *refusal)
{
	int r;

	assert(lab->lock >= 0);
	if (labnode_running(lab) >> id & 1)
		return refusal_set(refusal, EDVSEXIST,
				   "node %d runs already: `dvs lab kill %d` would end it", id, id);
	if (!lab_has_sequencer(lab))
		return refusal_set(refusal, EDVSNOCONN,
				   "node %d cannot join, because the lab's sequencer has ended and "
				   "nodes do not join a new one: `dvs lab down`, then `dvs lab up`",
				   id);
	r = labend_kill(lab, 1u << id, refusal);
	if (!r)
		r = labnode_start(lab, 1u << id, START_MS, refusal);
	if (r < 0) {
		struct refusal unused = REFUSAL_NONE;

		labend_kill(lab, 1u << id, &unused);
		lab_save(lab, &unused);
	}
	return r;
}

int verb_lab_start(const struct verb *verb, int node, int argc, char **argv)
{
	struct refusal refusal = REFUSAL_NONE;
	struct lab lab;
	bool json = false;
	int r = parse_node(verb, argc, argv, &node, &json);

	if (r != GO_ON)
		return r;
	if (lab_load_node(&lab, true, node, &refusal) < 0)
		return verb_refuse(&refusal);
	r = start(&lab, node, &refusal);
	lab_unlock(&lab);
	if (r < 0)
		return verb_refuse(&refusal);
	return report(node, true, json);
}

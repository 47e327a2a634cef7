/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdio.h>

#include "ctl/labnet.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/verb.h"

static int load_pair(struct lab *lab, int a, int b, struct refusal *refusal)
{
	int r = lab_load_node(lab, true, a, refusal);

	assert(a != b);
	if (r >= 0 && (b < 0 || b >= LAB_NODES_MAX || !lab->node[b].used)) {
		lab_unlock(lab);
		r = refusal_set(refusal, EDVSBADNODEID,
				"node %d is not in the lab: `dvs lab status` shows its nodes", b);
	}
	return r;
}

/* Cutting what is cut, or healing what is whole, is done already. */
static int change(const struct verb *verb, int argc, char **argv, bool cut)
{
	bool json = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_OPTIONS_END,
	};
	struct refusal refusal = REFUSAL_NONE;
	struct lab lab;
	int a, b, r, status;

	status =
		verb_words(verb, rows,
			   (const struct operand_row[]){ { "A", &a }, { "B", &b }, { NULL, NULL } },
			   2, argc, argv);
	if (status != GO_ON)
		return status;
	if (a == b)
		return verb_usage(verb, "A and B are different nodes, not both %d", a);
	if (load_pair(&lab, a, b, &refusal) < 0)
		return verb_refuse(&refusal);
	r = labnet_cut(&lab, a, b, cut, &refusal);
	if (!r) {
		unsigned in_a = 1u << b, in_b = 1u << a;

		lab.cut[a] = (uint16_t)(cut ? lab.cut[a] | in_a : lab.cut[a] & ~in_a);
		lab.cut[b] = (uint16_t)(cut ? lab.cut[b] | in_b : lab.cut[b] & ~in_b);
		r = lab_save(&lab, &refusal);
		if (r < 0) { /* a refused change is not done */
			struct refusal unused = REFUSAL_NONE;

			labnet_cut(&lab, a, b, !cut, &unused);
		}
	}
	lab_unlock(&lab);
	if (r < 0)
		return verb_refuse(&refusal);
	if (json)
		return render_document(json_pack("{s:[i,i], s:b}", "nodes", a, b, "cut", cut));
	printf("nodes %d and %d %s\n", a, b,
	       cut ? "are cut off from each other" : "reach each other again");
	return DONE;
}

int verb_lab_cut(const struct verb *verb, int node, int argc, char **argv)
{
	(void)node;
	return change(verb, argc, argv, true);
}

int verb_lab_heal(const struct verb *verb, int node, int argc, char **argv)
{
	(void)node;
	return change(verb, argc, argv, false);
}

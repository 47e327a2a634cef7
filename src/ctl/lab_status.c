/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>

#include "ctl/labnet.h"
#include "ctl/labnode.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/table.h"
#include "ctl/verb.h"

static int print_json(const struct lab *lab, unsigned running)
{
	json_t *nodes = json_array();
	char address[ADDRESS_TEXT];

	for (int id = 0; id < LAB_NODES_MAX; id++) {
		if (!lab->node[id].used)
			continue;
		json_array_append_new(
			nodes, json_pack("{s:i, s:b, s:i, s:s, s:o, s:I}", "node", id, "up",
					 (int)(running >> id & 1), "pid",
					 (int)(running >> id & 1 ? lab->node[id].task.pid : 0),
					 "address", labnet_address(lab, id, address), "cut",
					 render_set_json(lab->cut[id]), "netns",
					 (json_int_t)lab->node[id].net.inode));
	}
	return render_document(
		json_pack("{s:s, s:i, s:b, s:i, s:b, s:b, s:o}", "group",
			  lab->corosync ? "corosync" : "local", "switch", lab->hub.task.pid,
			  "switch_up", (int)os_task_alive(&lab->hub.task), "sequencer",
			  lab->sequencer.task.pid, "sequencer_up", (int)lab_has_sequencer(lab),
			  "network_up", (int)(lab_network(lab) != 0), "nodes", nodes));
}

/* The switch and the sequencer, where they do not run any more. */
static void print_lost(const struct lab *lab)
{
	if (!lab_has_sequencer(lab))
		puts("the sequencer has ended: messages go on, and nothing can be bound or moved any "
		     "more until `dvs lab down` and `dvs lab up`");
	if (!lab_network(lab))
		puts("the switch has ended: no node reaches another one");
	else if (!os_task_alive(&lab->hub.task))
		puts("the switch has ended: the network ends with the sequencer");
}

static int print_people(const struct lab *lab, unsigned running)
{
	struct table *table = table_new(">NODE STATE >PID ADDRESS CUT-FROM LOG");
	char cut[64], address[ADDRESS_TEXT];

	if (!table)
		return verb_no_memory();
	for (int id = 0; id < LAB_NODES_MAX; id++) {
		if (!lab->node[id].used)
			continue;
		table_cell(table, "%d", id);
		table_cell(table, "%s", running >> id & 1 ? "up" : "down");
		table_cell(table, "%d", running >> id & 1 ? lab->node[id].task.pid : 0);
		table_cell(table, "%s", labnet_address(lab, id, address));
		table_cell(table, "%s", render_set(lab->cut[id], cut, sizeof(cut)));
		table_cell(table, LAB_FOLDER "/node%d.log", id);
	}
	table_finish(table);
	print_lost(lab);
	return DONE;
}

int verb_lab_status(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_OPTIONS_END,
	};
	struct refusal refusal = REFUSAL_NONE;
	int status;
	struct lab lab;
	unsigned running;

	(void)node;
	status = verb_words(verb, rows, NULL, 0, argc, argv);
	if (status != GO_ON)
		return status;
	if (lab_load(&lab, false, &refusal) < 0)
		return verb_refuse(&refusal);
	running = lab.other_boot ? 0 : labnode_running(&lab);
	return json ? print_json(&lab, running) : print_people(&lab, running);
}

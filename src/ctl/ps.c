/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Without options every endpoint of the cluster once, at its owner. --proc and --stats show one
 * node's own table with its remote rows, in the original's form, --names with the flags in words
 * behind; --waits each wait and its peer; --all also the processes that have ended.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/client.h"
#include "ctl/ended.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/table.h"
#include "ctl/verb.h"
#include "ctl/waits.h"

struct proc_list {
	struct ctl_proc_row *rows; /* owned */
	size_t count;
};

/* Appends the answer to one request. */
static int list_ask(struct proc_list *list, int node, enum ctl_call call, int dcid,
		    struct refusal *refusal)
{
	struct ctl_request request = client_request(call);
	struct ctl_proc_row *all;
	void *found;
	size_t count;
	int r;

	assert(list->rows || !list->count);
	request.dcid = dcid;
	r = client_rows(node, &request, sizeof(*all), &found, &count, refusal);
	if (r >= 0 && count) {
		all = realloc(list->rows, (list->count + count) * sizeof(*all));
		if (all) {
			list->rows = all;
			for (size_t i = 0; i < count; i++)
				all[list->count++] = ((struct ctl_proc_row *)found)[i];
		} else {
			r = refusal_set(refusal, EDVSNOMEM, "out of memory");
		}
	}
	free(found);
	return r;
}

/* A node's table is one container's: without a number, those of all containers in turn. */
static int list_tables(struct proc_list *list, int node, int dcid, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_DCS);
	void *dcs;
	size_t count;
	int r;

	if (dcid >= 0)
		return list_ask(list, node, CTL_PROCTABLE, dcid, refusal);
	r = client_rows(node, &request, sizeof(struct ctl_dc_row), &dcs, &count, refusal);
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = list_ask(list, node, CTL_PROCTABLE, ((struct ctl_dc_row *)dcs)[i].dc.dc_dcid,
			     refusal);
	free(dcs);
	return r;
}

static int print_json(const struct proc_list *list)
{
	json_t *document = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(document, render_proc_json(&list->rows[i]));
	return render_document(document);
}

static int print_original(const struct proc_list *list, bool stats, bool names)
{
	char row[160], rts[128], misc[128];

	assert(list->rows || !list->count);
	puts(stats ? RENDER_STATS_HEADER : RENDER_PROCS_HEADER);
	for (size_t i = 0; i < list->count; i++) {
		const proc_usr_t *p = &list->rows[i].proc;

		fputs(stats ? render_stats_row(p, row, sizeof(row))
			    : render_procs_row(p, row, sizeof(row)),
		      stdout);
		if (names)
			printf(" %s / %s", render_rts(p->p_rts_flags, rts, sizeof(rts)),
			       render_misc(p->p_misc_flags, misc, sizeof(misc)));
		putchar('\n');
	}
	return DONE;
}

static int print_people(const struct proc_list *list)
{
	struct table *table = table_new(
		">DC >ENDPOINT >NODE >LPID >VPID NAME STATE >FROM >TO >WAITS >SENT >COPIES >CHILDREN MISC");
	char text[128];

	if (!table)
		return verb_no_memory();
	for (size_t i = 0; i < list->count; i++) {
		const proc_usr_t *p = &list->rows[i].proc;

		table_cell(table, "%d", p->p_dcid);
		table_cell(table, "%d", p->p_endpoint);
		table_cell(table, "%d", p->p_nodeid);
		table_cell(table, "%d", p->p_lpid);
		table_cell(table, "%d", p->p_vpid);
		table_cell(table, "%.*s", MAXPROCNAME, p->p_name);
		table_cell(table, "%s", render_rts(p->p_rts_flags, text, sizeof(text)));
		table_cell(table, "%s", render_endpoint(p->p_getfrom, text, sizeof(text)));
		table_cell(table, "%s", render_endpoint(p->p_sendto, text, sizeof(text)));
		table_cell(table, "%s", render_endpoint(p->p_waitmigr, text, sizeof(text)));
		table_cell(table, "%lu", p->p_lclsent + p->p_rmtsent);
		table_cell(table, "%lu", p->p_lclcopy + p->p_rmtcopy);
		if (list->rows[i].children < 0)
			table_cell(table, "-");
		else
			table_cell(table, "%d", list->rows[i].children);
		table_cell(table, "%s", render_misc(p->p_misc_flags, text, sizeof(text)));
	}
	table_finish(table);
	return DONE;
}

static int show_all(const struct proc_list *list, int node, int dcid, bool json,
		    struct refusal *refusal)
{
	struct ctl_ended_row *ended;
	size_t count;
	int status;

	if (ended_ask(node, dcid, &ended, &count, refusal) < 0)
		status = verb_refuse(refusal);
	else if (json)
		status = ended_print_json(list->rows, list->count, ended, count);
	else
		status = ended_print(list->rows, list->count, ended, count);
	free(ended);
	return status;
}

int verb_ps(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false, proc = false, stats = false, names = false, waits = false, all = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		{ "proc", 0, OPTION_FLAG, &proc },
		{ "stats", 0, OPTION_FLAG, &stats },
		{ "names", 0, OPTION_FLAG, &names },
		{ "waits", 0, OPTION_FLAG, &waits },
		{ "all", 'a', OPTION_FLAG, &all },
		VERB_OPTIONS_END,
	};
	struct proc_list list = { NULL, 0 };
	struct refusal refusal = REFUSAL_NONE;
	int dcid = -1, r, status;

	status = verb_words(verb, rows,
			    (const struct operand_row[]){ { "DCID", &dcid }, { NULL, NULL } }, 0,
			    argc, argv);
	if (status != GO_ON)
		return status;
	if (proc + stats + waits + all > 1)
		return verb_usage(verb,
				  "--all, --proc, --stats and --waits are tables: choose one");
	if (names && !proc && !stats)
		return verb_usage(verb, "--names belongs to --proc and --stats");
	if (proc || stats)
		r = list_tables(&list, node, dcid, &refusal);
	else
		r = list_ask(&list, node, CTL_PS, dcid, &refusal);
	if (r < 0)
		status = verb_refuse(&refusal);
	else if (all)
		status = show_all(&list, node, dcid, json, &refusal);
	else if (waits)
		status = json ? waits_print_json(list.rows, list.count)
			      : waits_print(list.rows, list.count);
	else if (json)
		status = print_json(&list);
	else if (proc || stats)
		status = print_original(&list, stats, names);
	else
		status = print_people(&list);
	free(list.rows);
	return status;
}

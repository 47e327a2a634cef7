/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ended.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "ctl/render.h"
#include "ctl/signals.h"
#include "ctl/table.h"
#include "ctl/verb.h"

static int by_time(const void *left, const void *right)
{
	const struct ctl_ended_row *l = left, *r = right;

	return (l->ended_ns > r->ended_ns) - (l->ended_ns < r->ended_ns);
}

int ended_ask(int node, int dcid, struct ctl_ended_row **rows, size_t *count,
	      struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_ENDED);
	void *found;
	int r;

	request.dcid = dcid;
	r = client_rows(node, &request, sizeof(**rows), &found, count, refusal);
	*rows = found;
	assert(found || !*count);
	if (*count)
		qsort(found, *count, sizeof(**rows), by_time);
	return r;
}

bool ended_has(const struct ctl_ended_row *ended, size_t count, const struct ctl_proc_row *row)
{
	assert(ended || !count);
	for (size_t i = 0; i < count; i++)
		if (ended[i].dcid == row->proc.p_dcid && ended[i].p_nr == row->proc.p_nr &&
		    ended[i].generation == row->generation)
			return true;
	return false;
}

const char *ended_text(const struct ctl_ended_row *row, char *buf, size_t size)
{
	static const char *const by[] = {
		[CTL_ENDED_ITSELF] = "",
		[CTL_ENDED_STOP] = " (dvs stop)",
		[CTL_ENDED_KILL] = " (dvs kill)",
	};
	char text[64];

	assert(size);
	if (row->reason == CTL_ENDED_INIT)
		snprintf(buf, size, "killed with its container on node %d", row->node);
	else if (row->reason == CTL_ENDED_NODE)
		snprintf(buf, size, "lost with node %d", row->node);
	else if (row->reason == CTL_ENDED_MOVED)
		snprintf(buf, size, "killed when its endpoint was moved by hand");
	else if (row->reason == CTL_ENDED_CHECKPOINT)
		snprintf(buf, size, "ended with its image in a file (dvs checkpoint --stop)");
	else
		snprintf(buf, size, "%s%s", signals_end(row->wait_status, text, sizeof(text)),
			 row->reason >= 0 && row->reason <= CTL_ENDED_KILL ? by[row->reason] : "");
	return buf;
}

static void print_row(struct table *table, const int numbers[5], const char *name,
		      const char *state, const char *since)
{
	for (int i = 0; i < 5; i++)
		table_cell(table, "%d", numbers[i]);
	table_cell(table, "%.*s", MAXPROCNAME, name);
	table_cell(table, "%s", state);
	table_cell(table, "%s", since);
}

int ended_print(const struct ctl_proc_row *rows, size_t row_count,
		const struct ctl_ended_row *ended, size_t count)
{
	struct table *table = table_new(">DC >ENDPOINT >NODE >LPID >VPID NAME STATE ENDED");
	char text[128], since[32];

	assert(rows || !row_count);
	if (!table)
		return verb_no_memory();
	for (size_t i = 0; i < row_count; i++) {
		const proc_usr_t *p = &rows[i].proc;

		if (!ended_has(ended, count, &rows[i]))
			print_row(table,
				  (int[]){ p->p_dcid, p->p_endpoint, p->p_nodeid, (int)p->p_lpid,
					   (int)p->p_vpid },
				  p->p_name, render_rts(p->p_rts_flags, text, sizeof(text)), "-");
	}
	for (size_t i = 0; i < count; i++) {
		const struct ctl_ended_row *e = &ended[i];

		render_ago(e->ended_ns, since, sizeof(since));
		print_row(table, (int[]){ e->dcid, e->p_nr, e->node, e->lpid, e->vpid }, e->name,
			  ended_text(e, text, sizeof(text)), since);
	}
	table_finish(table);
	return DONE;
}

/* The keys of a row that runs, so that one reader does for both. */
static json_t *ended_json(const struct ctl_ended_row *e)
{
	struct ctl_proc_row row = { .owner = e->node, .children = -1, .generation = e->generation };
	char text[128];
	json_t *object;

	row.proc.p_dcid = e->dcid;
	row.proc.p_nr = row.proc.p_endpoint = e->p_nr;
	row.proc.p_lpid = e->lpid;
	row.proc.p_vpid = e->vpid;
	row.proc.p_nodeid = e->node;
	row.proc.p_rts_flags = SLOT_FREE;
	row.proc.p_getfrom = row.proc.p_sendto = row.proc.p_waitmigr = NONE;
	row.proc.p_waitunbind = row.proc.p_proxy = NONE;
	memcpy(row.proc.p_name, e->name, sizeof(e->name));
	object = render_proc_json(&row);
	json_object_set_new(object, "state", json_string("ended"));
	json_object_set_new(object, "reason", json_string(ended_text(e, text, sizeof(text))));
	json_object_set_new(object, "ended_ns", json_integer(e->ended_ns));
	render_end(object, e->wait_status);
	return object;
}

int ended_print_json(const struct ctl_proc_row *rows, size_t row_count,
		     const struct ctl_ended_row *ended, size_t count)
{
	json_t *document = json_array(), *object;

	for (size_t i = 0; i < row_count; i++) {
		if (ended_has(ended, count, &rows[i]))
			continue;
		object = render_proc_json(&rows[i]);
		json_object_set_new(object, "state", json_string("running"));
		json_array_append_new(document, object);
	}
	for (size_t i = 0; i < count; i++)
		json_array_append_new(document, ended_json(&ended[i]));
	return render_document(document);
}

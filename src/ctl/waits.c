/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/waits.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/render.h"
#include "ctl/table.h"
#include "ctl/verb.h"
#include "dvk.h"

const char *waits_how(const proc_usr_t *proc)
{
	if (proc->p_rts_flags & (SLOT_FREE | REMOTE))
		return NULL;
	if (proc->p_misc_flags & MIS_ATOMIC && proc->p_rts_flags & (SENDING | RECEIVING))
		return "calls";
	if (proc->p_rts_flags & SENDING)
		return "sends to";
	if (proc->p_rts_flags & RECEIVING)
		return "receives from";
	return proc->p_rts_flags & WAITUNBIND ? "waits for unbind of" : NULL;
}

int waits_for(const proc_usr_t *proc)
{
	if (proc->p_rts_flags & SENDING)
		return proc->p_sendto;
	return proc->p_rts_flags & RECEIVING ? proc->p_getfrom : proc->p_waitunbind;
}

/* The row of the endpoint that this one waits for; count: of nobody here. */
static size_t next_of(const struct ctl_proc_row *rows, size_t count, size_t at)
{
	size_t i = 0;

	assert(at < count);
	if (!waits_how(&rows[at].proc))
		return count;
	while (i < count && (rows[i].proc.p_dcid != rows[at].proc.p_dcid ||
			     rows[i].proc.p_endpoint != waits_for(&rows[at].proc)))
		i++;
	return i;
}

size_t waits_ring(const struct ctl_proc_row *rows, size_t count, size_t from, size_t *members)
{
	size_t found = 0, at = from;

	assert(from < count);
	do {
		members[found++] = at;
		at = next_of(rows, count, at);
	} while (at != count && at != from && found < count);
	assert(found <= count);
	return at == from ? found : 0;
}

/* A ring is told of once: by its first row. */
static void print_ring(const struct ctl_proc_row *rows, const size_t *members, size_t found)
{
	assert(members || !found);
	for (size_t i = 1; i < found; i++) {
		if (members[i] < members[0])
			return;
	}
	printf("In a ring in DC %d: ", rows[members[0]].proc.p_dcid);
	for (size_t i = 0; i < found; i++)
		printf("%d -> ", rows[members[i]].proc.p_endpoint);
	printf("%d\n", rows[members[0]].proc.p_endpoint);
}

int waits_print(const struct ctl_proc_row *rows, size_t count)
{
	struct table *table = table_new(">DC >ENDPOINT NAME >NODE HOW >FOR");
	size_t *members = calloc(count + 1, sizeof(*members));
	char text[32];

	if (!table || !members) {
		table_free(table);
		free(members);
		return verb_no_memory();
	}
	for (size_t i = 0; i < count; i++) {
		const proc_usr_t *p = &rows[i].proc;

		if (!waits_how(p))
			continue;
		table_cell(table, "%d", p->p_dcid);
		table_cell(table, "%d", p->p_endpoint);
		table_cell(table, "%.*s", MAXPROCNAME, p->p_name);
		table_cell(table, "%d", p->p_nodeid);
		table_cell(table, "%s", waits_how(p));
		table_cell(table, "%s", render_endpoint(waits_for(p), text, sizeof(text)));
	}
	table_print(table, stdout);
	for (size_t i = 0; i < count; i++)
		print_ring(rows, members, waits_ring(rows, count, i, members));
	table_free(table);
	free(members);
	return DONE;
}

int waits_print_json(const struct ctl_proc_row *rows, size_t count)
{
	size_t *members = calloc(count + 1, sizeof(*members));
	json_t *document = json_array();

	for (size_t i = 0; members && i < count; i++) {
		const proc_usr_t *p = &rows[i].proc;

		if (!waits_how(p))
			continue;
		json_t *object = json_pack("{s:i, s:i, s:o, s:i, s:s, s:i, s:b}", "dcid", p->p_dcid,
					   "endpoint", p->p_endpoint, "name",
					   render_text(p->p_name, MAXPROCNAME), "node", p->p_nodeid,
					   "how", waits_how(p), "for", waits_for(p), "ring",
					   waits_ring(rows, count, i, members) != 0);

		json_array_append_new(document,
				      render_with_bytes(object, "name", p->p_name, MAXPROCNAME));
	}
	free(members);
	return render_document(document);
}

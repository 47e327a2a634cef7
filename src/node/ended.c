/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ended.h"

#include <errno.h>
#include <stdlib.h>

#include "node/log.h"
#include "node/node.h"
#include "node/process.h"
#include "node/request.h"

struct ended {
	struct ended *next;
	int dcid, p_nr;
	struct proc_log *log;
};

static void drop(struct ended **link)
{
	struct ended *ended = *link;

	*link = ended->next;
	proc_log_free(ended->log);
	free(ended);
}

void ended_forget(struct node *node, int dcid, int p_nr)
{
	for (struct ended **link = &node->ended; *link; link = &(*link)->next) {
		if ((*link)->dcid == dcid && (*link)->p_nr == p_nr) {
			drop(link);
			return;
		}
	}
}

void ended_forget_dc(struct node *node, int dcid)
{
	struct ended **link = &node->ended;

	while (*link) {
		if ((*link)->dcid == dcid)
			drop(link);
		else
			link = &(*link)->next;
	}
	for (struct process *p = node->processes; p; p = process_next(p))
		if (p->dcid == dcid)
			p->dc_removed = true;
}

void ended_keep(struct process *process)
{
	struct node *node = process->node;
	struct ended *ended =
		process->log && !process->dc_removed ? calloc(1, sizeof(*ended)) : NULL;
	struct ended **link = &node->ended;

	if (!ended)
		return;
	ended_forget(node, process->dcid, process->p_nr);
	*ended = (struct ended){ node->ended, process->dcid, process->p_nr, process->log };
	proc_log_listen(process->log, NULL, NULL);
	process->log = NULL;
	node->ended = ended;
	for (int i = 0; *link && i < ENDED_MAX; i++)
		link = &(*link)->next;
	if (*link)
		drop(link);
}

void ended_walk(struct node *node, ended_walk_fn *fn, void *ctx)
{
	for (const struct ended *ended = node->ended; ended; ended = ended->next)
		fn(ctx, ended->dcid, ended->p_nr, ended->log);
}

int ended_adopt(struct node *node, int dcid, int p_nr, struct proc_log *log)
{
	struct ended *ended = malloc(sizeof(*ended));
	struct ended **link = &node->ended;

	if (!ended)
		return -ENOMEM;
	*ended = (struct ended){ NULL, dcid, p_nr, log };
	while (*link)
		link = &(*link)->next;
	*link = ended;
	return 0;
}

bool ended_send(struct request *request, int dcid, int p_nr)
{
	struct ended *ended = request->node->ended;
	uint8_t *bytes;
	size_t len;

	while (ended && (ended->dcid != dcid || ended->p_nr != p_nr))
		ended = ended->next;
	if (!ended)
		return false;
	len = proc_log_size(ended->log);
	request->data_sent = proc_log_total(ended->log) - len;
	bytes = malloc(len + 1);
	if (bytes)
		request_data(request, bytes, (uint32_t)proc_log_export(ended->log, bytes, len));
	free(bytes);
	return true;
}

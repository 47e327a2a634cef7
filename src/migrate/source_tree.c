/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/source_tree.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "dvk/errors.h"
#include "migrate/object_records.h"

static struct source_process *add(struct source_tree *tree, pid_t pid)
{
	struct source_process *process;

	if (tree->count == tree->capacity) {
		uint32_t capacity = tree->capacity ? tree->capacity * 2 : 4;
		struct source_process **bigger = realloc(tree->process, capacity * sizeof(*bigger));

		if (!bigger)
			return NULL;
		tree->process = bigger;
		struct inventory **inventories =
			realloc(tree->inventory, capacity * sizeof(*inventories));

		if (!inventories)
			return NULL;
		tree->inventory = inventories;
		tree->capacity = capacity;
	}
	assert(tree->count < tree->capacity);
	process = malloc(sizeof(*process));
	if (!process || source_process_init(process, pid) < 0) {
		free(process);
		return NULL;
	}
	tree->inventory[tree->count] = &process->inventory;
	tree->process[tree->count++] = process;
	return process;
}

int source_tree_init(struct source_tree *tree, pid_t pid)
{
	*tree = (struct source_tree){ 0 };
	if (add(tree, pid))
		return 0;
	source_tree_deinit(tree);
	return -ENOMEM;
}

void source_tree_deinit(struct source_tree *tree)
{
	source_tree_release(tree);
	while (tree->count) {
		source_process_deinit(tree->process[--tree->count]);
		free(tree->process[tree->count]);
	}
	free(tree->process);
	free(tree->inventory);
	tables_free(&tree->tables);
	*tree = (struct source_tree){ 0 };
}

struct inventories source_tree_inventories(struct source_tree *tree)
{
	assert(tree->count);
	return (struct inventories){ tree->inventory, tree->count, &tree->tables };
}

int source_tree_check(struct source_tree *tree, const struct migrate_host *host,
		      struct refusal *refusal)
{
	int r = source_process_open(tree->process[0], &tree->tables, refusal);

	if (r)
		return r;
	const struct inventories all = source_tree_inventories(tree);

	return inventories_read(&all, host, true, refusal);
}

int source_tree_hold(struct source_tree *tree, uint64_t *first_stop_ns, struct refusal *refusal)
{
	int r = source_process_stop(tree->process[0], first_stop_ns, refusal);

	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = source_process_borrow(tree->process[i], refusal);
	if (r)
		source_tree_release(tree);
	return r;
}

void source_tree_gather(struct source_tree *tree, const struct os_affinity *here)
{
	for (uint32_t i = 0; i < tree->count; i++)
		source_process_gather(tree->process[i], here);
}

int source_tree_enter(struct source_tree *tree, const struct migrate_host *host,
		      struct refusal *refusal)
{
	const struct inventories all = source_tree_inventories(tree);
	int r = inventories_read(&all, host, false, refusal);

	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = source_process_enter(tree->process[i], host, refusal);
	return r;
}

int source_tree_ask(struct source_tree *tree, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = source_process_ask(tree->process[i], refusal);
	return r;
}

static int complete(struct source_tree *tree, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = source_process_complete(tree->process[i], false, refusal);
	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = source_process_complete(tree->process[i], true, refusal);
	return r;
}

int source_tree_send(struct source_tree *tree, const struct os_affinity *every_cpu,
		     struct writer *writer, uint64_t *page_count, struct refusal *refusal)
{
	int r = complete(tree, refusal);

	if (r)
		return r;
	*page_count = 0;
	object_records_send(&tree->tables, false, writer);
	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = source_process_send(tree->process[i], every_cpu, writer, page_count, refusal);
	return r;
}

int source_tree_try(struct source_tree *tree, struct refusal *refusal)
{
	int r = complete(tree, refusal);

	for (uint32_t i = 0; i < tree->count && r == 0; i++)
		r = source_process_try(tree->process[i], refusal);
	return r;
}

void source_tree_release(struct source_tree *tree)
{
	for (uint32_t i = tree->count; i-- > 0;)
		source_process_release(tree->process[i]);
}

uint64_t source_tree_kill(struct source_tree *tree)
{
	uint64_t late = 0;

	assert(tree->count);
	for (uint32_t i = tree->count; i-- > 0;)
		late = source_process_kill(tree->process[i]);
	return late;
}

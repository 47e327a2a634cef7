/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_DIRECTORY_FIXTURE_H
#define DVS_CORE_DIRECTORY_FIXTURE_H

/* A directory for tests: three nodes up, DC 0 on all of them. Only test programs include this,
 * after base/test.h. */

#include <string.h>

#include "core/directory.h"

#define ANY_GENERATION COMMAND_GENERATION_ANY

static struct directory dir;
static struct directory_effect effect_memory[DIRECTORY_EFFECTS_MAX];
static struct directory_effects effects = { .item = effect_memory };
static struct directory_result result;

/* Applies the next command; its code. */
static int apply(struct command cmd)
{
	directory_apply(&dir, dir.order + 1, &cmd, &effects, &result);
	if (result.code)
		CHECK_EQ(effects.count, 0);
	return result.code;
}

TEST_LOOKS_UNUSED static int join(int node)
{
	return apply((struct command){ .kind = COMMAND_NODE_JOIN, .node = node, .value = 7 });
}

TEST_LOOKS_UNUSED static int leave(int node)
{
	return apply((struct command){ .kind = COMMAND_NODE_LEAVE, .node = node });
}

TEST_LOOKS_UNUSED static int create(int dcid, uint32_t nodes)
{
	return apply((struct command){ .kind = COMMAND_DC_CREATE, .dcid = dcid, .nodes = nodes });
}

TEST_LOOKS_UNUSED static int bind_at(int p_nr, int node)
{
	return apply((struct command){ .kind = COMMAND_BIND,
				       .p_nr = p_nr,
				       .node = node,
				       .lpid = 100 + node,
				       .vpid = 1000,
				       .name = "server" });
}

TEST_LOOKS_UNUSED static int unbind(int p_nr, uint32_t generation)
{
	return apply(
		(struct command){ .kind = COMMAND_UNBIND, .p_nr = p_nr, .generation = generation });
}

TEST_LOOKS_UNUSED static int start(int p_nr, int target, uint32_t flags)
{
	return apply((struct command){ .kind = COMMAND_MOVE_START,
				       .p_nr = p_nr,
				       .generation = ANY_GENERATION,
				       .target = target,
				       .flags = flags });
}

TEST_LOOKS_UNUSED static int commit(int p_nr, int target, uint32_t move, uint32_t flags, int lpid)
{
	return apply((struct command){ .kind = COMMAND_MOVE_COMMIT,
				       .p_nr = p_nr,
				       .generation = ANY_GENERATION,
				       .target = target,
				       .move = move,
				       .flags = flags,
				       .lpid = lpid });
}

TEST_LOOKS_UNUSED static int roll_back(int p_nr, uint32_t move)
{
	return apply((struct command){ .kind = COMMAND_MOVE_ROLLBACK,
				       .p_nr = p_nr,
				       .generation = ANY_GENERATION,
				       .move = move });
}

TEST_LOOKS_UNUSED static const struct directory_endpoint *slot(int p_nr)
{
	return directory_endpoint(&dir, 0, p_nr);
}

static void begin(void)
{
	directory_init(&dir);
	for (int node = 0; node < 3; node++)
		CHECK_EQ(join(node), 0);
	CHECK_EQ(create(0, 0), 0);
}

/* Whether effect number i is of that kind, about that slot. */
TEST_LOOKS_UNUSED static int effect_is(uint32_t i, enum directory_effect_kind kind, int p_nr)
{
	return i < effects.count && effects.item[i].kind == kind && effects.item[i].p_nr == p_nr;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Two ways in. An odd first byte: the rest is the snapshot that a joiner is given. An even one:
 * the rest is a list of commands, 12 bytes each, applied in order. The directory as it is afterwards must
 * survive encoding and decoding, and every bound endpoint must have an owner that is up (I5). A node that was
 * taken out of a DC keeps what runs there.
 */

#include <stdlib.h>
#include <string.h>

#include "core/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COMMAND_INPUT_BYTES 12

static struct directory table, copy;
static struct directory_effect effect_items[DIRECTORY_EFFECTS_MAX];

static void must(int cond)
{
	if (!cond)
		abort();
}

/* Small numbers, so that commands meet each other; some lie just outside their range. */
static void make_command(struct command *cmd, const uint8_t *in)
{
	memset(cmd, 0, sizeof(*cmd));
	cmd->version = COMMAND_VERSION;
	cmd->kind = (uint16_t)(in[0] % (COMMAND_LAST + 1));
	cmd->origin = in[1] % 4;
	cmd->dcid = in[2] % 35 - 1;
	cmd->p_nr = in[3] % 16 - 4;
	cmd->node = in[4] % 5 - 1;
	cmd->target = in[5] % 5 - 1;
	cmd->generation = in[6] == 255 ? COMMAND_GENERATION_ANY : in[6] % 4;
	cmd->move = in[7] % 4;
	cmd->flags = in[8] % 64;
	cmd->bind_kind = in[9] % 8;
	cmd->nodes = in[10] % 16;
	cmd->value = in[11] % 4;
	if (cmd->kind == COMMAND_NODE_JOIN || cmd->kind == COMMAND_DC_ADDRESS)
		cmd->address = address_v4((const uint8_t[]){ 10, 0, 0, in[11] % 32 });
	if (cmd->kind == COMMAND_DC_ADDRESS)
		cmd->value = in[6];
	cmd->mode = (uint16_t)(in[11] / 4 * 8 + in[9] / 8 % 8);
	cmd->uid = in[9] / 64;
	cmd->by_uid = in[10] / 128;
	cmd->lpid = 100 + in[3];
	cmd->vpid = cmd->lpid;
	if (cmd->kind == COMMAND_MOVE_START)
		cmd->fellows = in[9] % 3;
	for (int i = 0; i < cmd->fellows; i++)
		cmd->fellow[i] = _ENDPOINT(in[9 + i] / 64, in[10 + i] % 16 - 4);
	memcpy(cmd->name, "fuzz", 5);
	cmd->name[3] = (char)in[2];
}

static void check_owners(const struct directory *dir)
{
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		const struct directory_dc *dc = &dir->dc[dcid];

		for (int i = 0; i < SHM_SLOTS; i++) {
			const struct directory_endpoint *ep = &dc->slot[i];

			must(!ep->bound || !ep->stated);
			if (!ep->bound && !ep->stated)
				continue;
			must(dc->running);
			must(ep->node >= 0 && ep->node < NR_NODES);
			must(dir->node[ep->node].up);
		}
	}
}

/* Endpoints that move with one number are at one node, and on their way to one. */
static void check_moves(const struct directory *dir)
{
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		const struct directory_endpoint *slot = dir->dc[dcid].slot;

		for (int a = 0; a < SHM_SLOTS; a++)
			for (int b = 0; b < a && slot[a].moving; b++) {
				if (!slot[b].moving || slot[b].move != slot[a].move)
					continue;
				must(slot[a].node == slot[b].node);
				must(slot[a].target == slot[b].target);
				must(!slot[a].by_hand && !slot[b].by_hand);
			}
	}
}

/* The addresses are on the node of one that is bound, if any is; no two DCs have the same one. */
static void check_services(const struct directory *dir)
{
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		const struct directory_dc *dc = &dir->dc[dcid];
		bool bound = false;

		for (int i = 0; i < SHM_SLOTS; i++)
			bound = bound || dc->slot[i].bound;
		must(dc->held == bound);
		must(!bound || dc->slot[shm_index(dc->holder)].bound);
		for (int i = 0; i < dc->services; i++)
			must(directory_service_dc(dir, dc->service[i].address) == dcid);
	}
}

static void check_survives(const struct directory *dir)
{
	static uint8_t first[1 << 20], again[1 << 20];
	size_t length = directory_encode(dir, first, sizeof(first));

	must(length > 0 && length <= directory_encode_bound());
	must(!directory_decode(&copy, first, length));
	must(directory_encode(&copy, again, sizeof(again)) == length);
	must(!memcmp(first, again, length));
}

static void apply_commands(const uint8_t *data, size_t size)
{
	struct directory_effects effects = { .item = effect_items };
	struct directory_result result;
	struct command cmd;
	uint64_t order = 0;

	directory_init(&table);
	for (; size >= COMMAND_INPUT_BYTES;
	     data += COMMAND_INPUT_BYTES, size -= COMMAND_INPUT_BYTES) {
		int refused;

		make_command(&cmd, data);
		refused = directory_check(&table, &cmd);
		directory_apply(&table, ++order, &cmd, &effects, &result);
		must(effects.count <= DIRECTORY_EFFECTS_MAX);
		must(!refused || (result.code == refused && effects.count == 0));
	}
	check_owners(&table);
	check_services(&table);
	check_moves(&table);
	check_survives(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (!(data[0] & 1))
		apply_commands(data + 1, size - 1);
	else if (!directory_decode(&table, data + 1, size - 1)) {
		check_moves(&table);
		check_survives(&table);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The bytes of a directory command, in the order of the struct. Decoding checks the form only:
 * version, kind, termination of the name, a list that is zero behind its end. Whether the numbers make sense is for
 * directory_check(), so that the proposer of a senseless command is told which one it was.
 */

#include "wire/command.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct cursor {
	uint8_t *out;
	const uint8_t *in;
};

static void put16(struct cursor *c, uint16_t v)
{
	*c->out++ = (uint8_t)v;
	*c->out++ = (uint8_t)(v >> 8);
}

static void put32(struct cursor *c, uint32_t v)
{
	put16(c, (uint16_t)v);
	put16(c, (uint16_t)(v >> 16));
}

static void put64(struct cursor *c, uint64_t v)
{
	put32(c, (uint32_t)v);
	put32(c, (uint32_t)(v >> 32));
}

static uint16_t get16(struct cursor *c)
{
	uint16_t v = (uint16_t)(c->in[0] | c->in[1] << 8);

	c->in += 2;
	return v;
}

static uint32_t get32(struct cursor *c)
{
	uint32_t low = get16(c);

	return low | (uint32_t)get16(c) << 16;
}

static uint64_t get64(struct cursor *c)
{
	uint64_t low = get32(c);

	return low | (uint64_t)get32(c) << 32;
}

static bool has_address(uint16_t kind)
{
	return kind == COMMAND_NODE_JOIN || kind == COMMAND_DC_ADDRESS;
}

/* The fields of DC_CREATE alone, or the address, at one place. */
static void put_own(struct cursor *c, const struct command *cmd)
{
	if (has_address(cmd->kind)) {
		memcpy(c->out, cmd->address.byte, ADDRESS_BYTES);
		c->out += ADDRESS_BYTES;
		return;
	}
	put16(c, (uint16_t)cmd->nr_procs);
	put16(c, (uint16_t)cmd->nr_tasks);
	put16(c, (uint16_t)cmd->nr_sysprocs);
	put16(c, (uint16_t)cmd->nr_nodes);
	put32(c, (uint32_t)cmd->warn2proc);
	put32(c, (uint32_t)cmd->warnmsg);
}

static void get_own(struct command *cmd, struct cursor *c)
{
	if (has_address(cmd->kind)) {
		memcpy(cmd->address.byte, c->in, ADDRESS_BYTES);
		c->in += ADDRESS_BYTES;
		return;
	}
	cmd->nr_procs = (int16_t)get16(c);
	cmd->nr_tasks = (int16_t)get16(c);
	cmd->nr_sysprocs = (int16_t)get16(c);
	cmd->nr_nodes = (int16_t)get16(c);
	cmd->warn2proc = (int32_t)get32(c);
	cmd->warnmsg = (int32_t)get32(c);
}

void command_encode(const struct command *cmd, uint8_t buf[COMMAND_BYTES])
{
	struct cursor c = { .out = buf };
	const char *end = memchr(cmd->name, 0, sizeof(cmd->name) - 1);
	size_t name_length = end ? (size_t)(end - cmd->name) : sizeof(cmd->name) - 1;

	memset(buf, 0, COMMAND_BYTES);
	put16(&c, COMMAND_VERSION);
	put16(&c, cmd->kind);
	put32(&c, (uint32_t)cmd->origin);
	put64(&c, cmd->request);
	put32(&c, (uint32_t)cmd->dcid);
	put32(&c, (uint32_t)cmd->p_nr);
	put32(&c, (uint32_t)cmd->node);
	put32(&c, (uint32_t)cmd->target);
	put32(&c, cmd->generation);
	put32(&c, cmd->move);
	put32(&c, cmd->flags);
	put32(&c, (uint32_t)cmd->bind_kind);
	put32(&c, (uint32_t)cmd->lpid);
	put32(&c, (uint32_t)cmd->vpid);
	put32(&c, (uint32_t)cmd->misc);
	put32(&c, cmd->nodes);
	put32(&c, cmd->value);
	put32(&c, cmd->uid);
	put_own(&c, cmd);
	memcpy(c.out, cmd->name, name_length);
	c.out += sizeof(cmd->name);
	put64(&c, cmd->secret);
	put32(&c, cmd->by_uid);
	put32(&c, cmd->by_gid);
	put32(&c, cmd->gid);
	put16(&c, cmd->mode);
	assert(cmd->fellows <= COMMAND_FELLOWS_MAX);
	put16(&c, cmd->fellows);
	for (int i = 0; i < COMMAND_FELLOWS_MAX; i++)
		put32(&c, i < cmd->fellows ? (uint32_t)cmd->fellow[i] : 0);
	assert(c.out == buf + COMMAND_BYTES);
}

static void command_get(struct command *cmd, struct cursor *c)
{
	cmd->version = get16(c);
	cmd->kind = get16(c);
	cmd->origin = (int32_t)get32(c);
	cmd->request = get64(c);
	cmd->dcid = (int32_t)get32(c);
	cmd->p_nr = (int32_t)get32(c);
	cmd->node = (int32_t)get32(c);
	cmd->target = (int32_t)get32(c);
	cmd->generation = get32(c);
	cmd->move = get32(c);
	cmd->flags = get32(c);
	cmd->bind_kind = (int32_t)get32(c);
	cmd->lpid = (int32_t)get32(c);
	cmd->vpid = (int32_t)get32(c);
	cmd->misc = (int32_t)get32(c);
	cmd->nodes = get32(c);
	cmd->value = get32(c);
	cmd->uid = get32(c);
	get_own(cmd, c);
	memcpy(cmd->name, c->in, sizeof(cmd->name));
	c->in += sizeof(cmd->name);
	cmd->secret = get64(c);
	cmd->by_uid = get32(c);
	cmd->by_gid = get32(c);
	cmd->gid = get32(c);
	cmd->mode = get16(c);
	cmd->fellows = get16(c);
	for (int i = 0; i < COMMAND_FELLOWS_MAX; i++)
		cmd->fellow[i] = (int32_t)get32(c);
}

/* One command has one form. */
static bool has_form(const struct command *cmd)
{
	if (cmd->kind == COMMAND_NONE || cmd->kind > COMMAND_LAST)
		return false;
	if (!memchr(cmd->name, 0, sizeof(cmd->name)))
		return false;
	if (cmd->fellows > (cmd->kind == COMMAND_MOVE_START ? COMMAND_FELLOWS_MAX : 0))
		return false;
	for (int i = cmd->fellows; i < COMMAND_FELLOWS_MAX; i++)
		if (cmd->fellow[i])
			return false;
	return true;
}

int command_decode(struct command *cmd, const uint8_t *buf, size_t len)
{
	struct cursor c = { .in = buf };
	struct command read = { 0 };

	/* Another version may have another length. */
	if (len >= 2 && (buf[0] | buf[1] << 8) != COMMAND_VERSION)
		return -EPROTO;
	if (len != COMMAND_BYTES)
		return -EBADMSG;
	command_get(&read, &c);
	assert(c.in == buf + COMMAND_BYTES);
	assert(read.version == COMMAND_VERSION);
	if (!has_form(&read))
		return -EBADMSG;
	*cmd = read;
	return 0;
}

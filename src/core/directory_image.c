/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table as bytes, for a node that joins. Little-endian, in ascending order of numbers, nothing
 * that was never used; equal tables give equal bytes.
 *
 *	magic u32 | version u32 | order u64 | next move u32
 *	nodes u32 | each: number u8, up u8, incarnation u32, address 16, secret u64, name 16
 *	DCs u32   | each: number u8, running u8, serve u8, nodes u32, generation u32, procs, tasks, sysprocs,
 *	          |       nodes u16, warn2proc u32, warnmsg u32, uid u32, gid u32, mode u16,
 *	          |       name 16, held u8, holder u16,
 *	          |       service addresses u8 | each: address 16, length u8
 *	          |       slots u32 | each: index u8, bound, moving, by hand, committed, kind, attached, stated,
 *	          |       node, target u8, generation, move, nodemap, lpid, vpid, misc u32, name 16
 */

#include <errno.h>
#include <string.h>

#include "core/directory_part.h"
#include "wire/protocol.h"

#define IMAGE_MAGIC	 0x44535644u /* "DVSD" */
#define IMAGE_NAME	 16
#define IMAGE_HEAD_BYTES (4 + 4 + 8 + 4 + 4 + 4)
#define IMAGE_NODE_BYTES (1 + 1 + 4 + ADDRESS_BYTES + 8 + IMAGE_NAME)
#define IMAGE_SERVICES	 (1 + DIRECTORY_SERVICES_MAX * (ADDRESS_BYTES + 1))
#define IMAGE_DC_BYTES	 (1 + 1 + 1 + 4 + 4 + 4 * 2 + 4 * 4 + 2 + IMAGE_NAME + 3 + IMAGE_SERVICES + 4)
#define IMAGE_SLOT_BYTES (10 * 1 + 6 * 4 + IMAGE_NAME)

/* Writes until size, reads until size; a value that does not fit sets `short_of` and is left out. */
struct image_cursor {
	uint8_t *out;
	const uint8_t *in;
	size_t at, size;
	bool short_of;
};

static void put(struct image_cursor *c, uint64_t value, size_t bytes)
{
	CORE_ASSERT(!c->in);
	CORE_ASSERT(c->at <= c->size);
	CORE_ASSERT(bytes <= sizeof(value));
	if (c->short_of || c->size - c->at < bytes) {
		c->short_of = true;
		return;
	}
	for (size_t i = 0; i < bytes; i++)
		c->out[c->at++] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(struct image_cursor *c, size_t bytes)
{
	uint64_t value = 0;

	CORE_ASSERT(!c->out);
	CORE_ASSERT(c->at <= c->size);
	CORE_ASSERT(bytes <= sizeof(value));
	if (c->short_of || c->size - c->at < bytes) {
		c->short_of = true;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)c->in[c->at++] << 8 * i;
	return value;
}

static uint32_t get32(struct image_cursor *c)
{
	return (uint32_t)get(c, 4);
}

static void put_name(struct image_cursor *c, const char name[IMAGE_NAME])
{
	CORE_ASSERT(!name[IMAGE_NAME - 1]);
	for (size_t i = 0; i < IMAGE_NAME; i++)
		put(c, (uint8_t)name[i], 1);
}

/* False if it is not terminated. */
static bool get_name(struct image_cursor *c, char name[IMAGE_NAME])
{
	for (size_t i = 0; i < IMAGE_NAME; i++)
		name[i] = (char)get(c, 1);
	return !name[IMAGE_NAME - 1];
}

static void put_address(struct image_cursor *c, struct address address)
{
	for (size_t i = 0; i < ADDRESS_BYTES; i++)
		put(c, address.byte[i], 1);
}

static struct address get_address(struct image_cursor *c)
{
	struct address address;

	for (size_t i = 0; i < ADDRESS_BYTES; i++)
		address.byte[i] = (uint8_t)get(c, 1);
	return address;
}

size_t directory_encode_bound(void)
{
	return IMAGE_HEAD_BYTES + NR_NODES * IMAGE_NODE_BYTES +
	       SHM_DCS * (IMAGE_DC_BYTES + SHM_SLOTS * IMAGE_SLOT_BYTES);
}

static bool slot_is_used(const struct directory_endpoint *ep)
{
	CORE_ASSERT(ep->bound || !ep->moving);
	CORE_ASSERT(ep->bound || !ep->committed);
	return ep->bound || ep->stated || ep->generation;
}

static void put_slot(struct image_cursor *c, const struct directory_endpoint *ep, int index)
{
	CORE_ASSERT(index >= 0 && index < SHM_SLOTS);
	CORE_ASSERT(slot_is_used(ep));
	put(c, (uint64_t)index, 1);
	put(c, ep->bound, 1);
	put(c, ep->moving, 1);
	put(c, ep->by_hand, 1);
	put(c, ep->committed, 1);
	put(c, ep->kind, 1);
	put(c, ep->attached, 1);
	put(c, ep->stated, 1);
	put(c, (uint8_t)ep->node, 1);
	put(c, (uint8_t)ep->target, 1);
	put(c, ep->generation, 4);
	put(c, ep->move, 4);
	put(c, ep->nodemap, 4);
	put(c, (uint32_t)ep->lpid, 4);
	put(c, (uint32_t)ep->vpid, 4);
	put(c, (uint32_t)ep->misc, 4);
	put_name(c, ep->name);
}

static void put_services(struct image_cursor *c, const struct directory_dc *dc)
{
	CORE_ASSERT(dc->services <= DIRECTORY_SERVICES_MAX);
	put(c, dc->held, 1);
	put(c, (uint16_t)dc->holder, 2);
	put(c, dc->services, 1);
	for (int i = 0; i < dc->services; i++) {
		put_address(c, dc->service[i].address);
		put(c, dc->service[i].prefix, 1);
	}
}

/* Whether they make sense is looked at when all DCs are known. */
static bool get_services(struct image_cursor *c, struct directory_dc *dc)
{
	CORE_ASSERT(!dc->services);
	dc->held = (uint8_t)get(c, 1);
	dc->holder = (int16_t)get(c, 2);
	dc->services = (uint8_t)get(c, 1);
	if (dc->services > DIRECTORY_SERVICES_MAX) {
		dc->services = 0;
		return false;
	}
	for (int i = 0; i < dc->services; i++) {
		dc->service[i].address = get_address(c);
		dc->service[i].prefix = (uint32_t)get(c, 1);
	}
	return !c->short_of;
}

static void put_dc(struct image_cursor *c, const struct directory_dc *dc, int dcid)
{
	uint32_t used = 0;

	CORE_ASSERT(dcid >= 0 && dcid < SHM_DCS);
	CORE_ASSERT(dc->generation);
	put(c, (uint64_t)dcid, 1);
	put(c, dc->running, 1);
	put(c, dc->serve, 1);
	put(c, dc->nodes, 4);
	put(c, dc->generation, 4);
	put(c, (uint64_t)dc->nr_procs, 2);
	put(c, (uint64_t)dc->nr_tasks, 2);
	put(c, (uint64_t)dc->nr_sysprocs, 2);
	put(c, (uint64_t)dc->nr_nodes, 2);
	put(c, (uint32_t)dc->warn2proc, 4);
	put(c, (uint32_t)dc->warnmsg, 4);
	put(c, dc->owner.uid, 4);
	put(c, dc->owner.gid, 4);
	put(c, dc->owner.mode, 2);
	put_name(c, dc->name);
	put_services(c, dc);
	for (int i = 0; i < SHM_SLOTS; i++)
		used += slot_is_used(&dc->slot[i]);
	CORE_ASSERT(used <= SHM_SLOTS);
	put(c, used, 4);
	for (int i = 0; i < SHM_SLOTS; i++)
		if (slot_is_used(&dc->slot[i]))
			put_slot(c, &dc->slot[i], i);
}

static void put_nodes(struct image_cursor *c, const struct directory *dir)
{
	uint32_t used = 0;

	CORE_ASSERT(dir->next_move);
	for (int node = 0; node < NR_NODES; node++)
		used += dir->node[node].incarnation != 0;
	CORE_ASSERT(used <= NR_NODES);
	put(c, used, 4);
	for (int node = 0; node < NR_NODES; node++) {
		if (!dir->node[node].incarnation)
			continue;
		put(c, (uint64_t)node, 1);
		put(c, dir->node[node].up, 1);
		put(c, dir->node[node].incarnation, 4);
		put_address(c, dir->node[node].address);
		put(c, dir->node[node].secret, 8);
		put_name(c, dir->node[node].name);
	}
}

size_t directory_encode(const struct directory *dir, uint8_t *buf, size_t size)
{
	struct image_cursor c = { .out = buf, .size = size };
	uint32_t used = 0;

	CORE_ASSERT(dir->next_move);
	put(&c, IMAGE_MAGIC, 4);
	put(&c, DIRECTORY_VERSION, 4);
	put(&c, dir->order, 8);
	put(&c, dir->next_move, 4);
	put_nodes(&c, dir);
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		used += dir->dc[dcid].generation != 0;
	put(&c, used, 4);
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		if (dir->dc[dcid].generation)
			put_dc(&c, &dir->dc[dcid], dcid);
	CORE_ASSERT(c.at <= directory_encode_bound());
	CORE_ASSERT(used <= SHM_DCS);
	return c.short_of ? 0 : c.at;
}

static bool slot_is_valid(const struct directory_dc *dc, const struct directory_endpoint *ep,
			  int index)
{
	CORE_ASSERT(index >= 0 && index < SHM_SLOTS);
	if (ep->bound > 1 || ep->moving > 1 || ep->by_hand > 1 || ep->attached > 1 ||
	    ep->stated > 1 || ep->committed > 1)
		return false;
	if (ep->committed && (!ep->bound || ep->moving || !ep->move))
		return false;
	if (ep->kind > ENDPOINT_REPLICA || ep->generation > _ENDPOINT_MAX_GENERATION)
		return false;
	if (ep->target < -1 || ep->target >= NR_NODES)
		return false;
	if (!ep->bound && (ep->moving || ep->by_hand))
		return false;
	if (!ep->bound && !ep->stated)
		return ep->node == -1;
	if (ep->bound && ep->stated)
		return false;
	if (!dc->running || !directory_slot_in_range(dc, index - SHM_TASKS))
		return false;
	return directory_node_in_range(ep->node) && (ep->moving || !ep->by_hand) &&
	       (!ep->moving || ep->move);
}

static bool get_slots(struct image_cursor *c, struct directory_dc *dc)
{
	uint32_t count = get32(c);
	int last = -1;

	CORE_ASSERT(dc->running <= 1 && dc->generation);
	for (uint32_t i = 0; i < count && !c->short_of; i++) {
		int index = (int)get(c, 1);
		struct directory_endpoint *ep = &dc->slot[index];

		if (index <= last)
			return false;
		last = index;
		ep->bound = (uint8_t)get(c, 1);
		ep->moving = (uint8_t)get(c, 1);
		ep->by_hand = (uint8_t)get(c, 1);
		ep->committed = (uint8_t)get(c, 1);
		ep->kind = (uint8_t)get(c, 1);
		ep->attached = (uint8_t)get(c, 1);
		ep->stated = (uint8_t)get(c, 1);
		ep->node = (int8_t)get(c, 1);
		ep->target = (int8_t)get(c, 1);
		ep->generation = get32(c);
		ep->move = get32(c);
		ep->nodemap = get32(c);
		ep->lpid = (int32_t)get32(c);
		ep->vpid = (int32_t)get32(c);
		ep->misc = (int32_t)get32(c);
		if (!get_name(c, ep->name) || c->short_of || !slot_is_valid(dc, ep, index))
			return false;
	}
	return !c->short_of;
}
_Static_assert(SHM_SLOTS == 256, "any byte is a slot's index");

/* Of two endpoints of a DC: those that move with one number are at one node, and on their way to one. */
static bool moves_agree(const struct directory_endpoint *a, const struct directory_endpoint *b)
{
	if (!a->moving || !b->moving || a->move != b->move)
		return true;
	CORE_ASSERT(a->bound && b->bound);
	return a->node == b->node && a->target == b->target && !a->by_hand && !b->by_hand;
}

static bool moves_are_valid(const struct directory_dc *dc)
{
	for (int a = 0; a < SHM_SLOTS; a++)
		for (int b = 0; b < a && dc->slot[a].moving; b++)
			if (!moves_agree(&dc->slot[a], &dc->slot[b]))
				return false;
	return true;
}

static bool dc_is_valid(const struct directory_dc *dc)
{
	return dc->running <= 1 && dc->serve <= 1 && dc->generation && dc->nr_procs >= 1 &&
	       dc->nr_procs <= NR_PROCS && dc->nr_tasks >= 0 && dc->nr_tasks <= NR_TASKS &&
	       dc->nr_sysprocs >= 1 && dc->nr_sysprocs <= NR_SYS_PROCS && dc->nr_nodes >= 1 &&
	       dc->nr_nodes <= NR_NODES && dc->owner.mode <= RIGHT_MODE_MOST;
}

static bool get_dc(struct image_cursor *c, struct directory *dir, int *last)
{
	unsigned dcid = (unsigned)get(c, 1);
	struct directory_dc *dc;

	CORE_ASSERT(*last >= -1 && *last < SHM_DCS);
	if (dcid >= SHM_DCS || (int)dcid <= *last)
		return false;
	*last = (int)dcid;
	dc = &dir->dc[dcid];
	dc->running = (uint8_t)get(c, 1);
	dc->serve = (uint8_t)get(c, 1);
	dc->nodes = get32(c);
	dc->generation = get32(c);
	dc->nr_procs = (int32_t)get(c, 2);
	dc->nr_tasks = (int32_t)get(c, 2);
	dc->nr_sysprocs = (int32_t)get(c, 2);
	dc->nr_nodes = (int32_t)get(c, 2);
	dc->warn2proc = (int32_t)get32(c);
	dc->warnmsg = (int32_t)get32(c);
	dc->owner.uid = get32(c);
	dc->owner.gid = get32(c);
	dc->owner.mode = (uint32_t)get(c, 2);
	if (!get_name(c, dc->name) || c->short_of || !dc_is_valid(dc) || !get_services(c, dc))
		return false;
	return get_slots(c, dc) && moves_are_valid(dc);
}

static bool get_nodes(struct image_cursor *c, struct directory *dir)
{
	uint32_t count = get32(c);
	int last = -1;

	for (uint32_t i = 0; i < count && !c->short_of; i++) {
		int number = (int)get(c, 1);
		struct directory_node *node;

		if (!directory_node_in_range(number) || number <= last)
			return false;
		last = number;
		node = &dir->node[number];
		node->up = (uint8_t)get(c, 1);
		node->incarnation = get32(c);
		node->address = get_address(c);
		node->secret = get(c, 8);
		if (!get_name(c, node->name) || node->up > 1 || !node->incarnation)
			return false;
	}
	return !c->short_of;
}

static int get_version(struct image_cursor *c)
{
	uint32_t version;

	CORE_ASSERT(c->at == 0 && !c->short_of);
	if (get32(c) != IMAGE_MAGIC)
		return -EBADMSG;
	version = get32(c);
	if (c->short_of)
		return -EBADMSG;
	return version == DIRECTORY_VERSION ? 0 : -EPROTO;
}

static bool get_directory(struct image_cursor *c, struct directory *dir)
{
	uint32_t count;
	int last = -1;

	CORE_ASSERT(!c->short_of);
	dir->order = get(c, 8);
	dir->next_move = get32(c);
	if (!dir->next_move || !get_nodes(c, dir))
		return false;
	count = get32(c);
	for (uint32_t i = 0; i < count && !c->short_of; i++)
		if (!get_dc(c, dir, &last))
			return false;
	for (int dcid = 0; dcid < SHM_DCS && !c->short_of; dcid++)
		if (!directory_services_valid(dir, dcid))
			return false;
	return !c->short_of && c->at == c->size;
}

int directory_decode(struct directory *dir, const uint8_t *buf, size_t len)
{
	struct image_cursor c = { .in = buf, .size = len };
	int r;

	directory_init(dir);
	r = get_version(&c);
	if (!r && !get_directory(&c, dir)) {
		directory_init(dir);
		r = -EBADMSG;
	}
	return r;
}

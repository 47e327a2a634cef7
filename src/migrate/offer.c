/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/offer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "dvk/errors.h"
#include "migrate/clocks.h"
#include "migrate/cpu.h"
#include "migrate/kind.h"
#include "migrate/object_records.h"
#include "migrate/reopen.h"
#include "os/descriptors.h"
#include "os/machine.h"
#include "os/trace.h"

#define MEMORY_FILES 1024 /* that any program may hold */

/* Programs keep the addresses of its functions, so its contents must be the same, not its size. */
static int hash_vdso(pid_t pid, const struct maps *maps, uint64_t *hash)
{
	const struct image_special *vdso = maps_special(maps, "vdso");
	uint8_t *code;

	if (!vdso || vdso->length > 1 << 20)
		return -ENOENT;
	code = malloc(vdso->length);
	if (!code)
		return -ENOMEM;
	int r = trace_read(pid, vdso->start, code, vdso->length);

	if (r == 0)
		*hash = hash_bytes(HASH_SEED, code, vdso->length);
	free(code);
	return r;
}

static struct image_task task_of(const struct inventory *inventory)
{
	struct image_task task = {
		.vpid = inventory->process.vpid,
		.thread_count = inventory->thread_count,
		.needs = inventory->needs,
		.map_count = inventory->maps.count,
		.special_count = inventory->maps.special_count,
	};

	assert(task.special_count <= IMAGE_SPECIALS);
	memcpy(task.special, inventory->maps.special, sizeof(task.special));
	memcpy(task.comm, inventory->comm, sizeof(task.comm));
	return task;
}

/* It had one when it was looked at. */
static int refuse_vdso(int r, struct refusal *refusal)
{
	assert(r < 0);
	if (r == -ESRCH)
		return refusal_set(refusal, EDVSSRCH, "the process has ended");
	if (r == -ENOMEM)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	return refusal_set(refusal, EDVSBUSY,
			   "the process has just started another program; try again");
}

/* Memory that several processes share is counted with the first one. */
static bool is_counted(const struct inventories *all, uint32_t index, const struct image_map *map)
{
	for (uint32_t i = 0; i <= index; i++) {
		const struct maps *maps = &all->inventory[i]->maps;

		for (uint32_t j = 0; j < maps->count && &maps->map[j] != map; j++)
			if (maps->map[j].kind == IMAGE_MAP_SHARED_ANON &&
			    maps->map[j].object == map->object)
				return true;
	}
	return false;
}

static void count_huge_pages(const struct inventories *all, uint32_t index, struct image_task *task)
{
	const struct maps *maps = &all->inventory[index]->maps;

	assert(index < all->count);
	for (uint32_t i = 0; i < maps->count; i++) {
		const struct image_map *map = &maps->map[i];
		const struct image_memory *memory = NULL;

		if (!(map->flags & IMAGE_MAP_HUGE))
			continue;
		if (map->kind == IMAGE_MAP_SHARED_ANON) {
			memory = memories_find(&all->tables->memories, map->object);
			if (is_counted(all, index, map))
				continue;
		}
		uint64_t bytes = memory ? memory->bytes : map->end - map->start;
		uint32_t pages = (uint32_t)(bytes / image_page_bytes(map->flags));

		*(map->flags & IMAGE_MAP_HUGE_1G ? &task->huge_1g : &task->huge_2m) += pages;
	}
}

/* Shared memory is counted once, as the process that has most of it has it. */
static uint64_t count_memory(const struct inventories *all)
{
	uint64_t own = 0, shared = 0;

	for (uint32_t i = 0; i < all->count; i++) {
		const struct inventory *inventory = all->inventory[i];

		if (inventory->member.shares & IMAGE_SHARES_MEMORY)
			continue;
		own += inventory->own_kb;
		shared = inventory->shared_kb > shared ? inventory->shared_kb : shared;
	}
	return own + shared;
}

int offer_write(const struct inventories *all, struct writer *writer, struct refusal *refusal)
{
	assert(all->count);
	struct inventory *inventory = all->inventory[0];
	struct image_task task = task_of(inventory);
	struct image_machine machine = {
		.magic = IMAGE_MAGIC,
		.version = IMAGE_VERSION,
		.page_bytes = IMAGE_PAGE,
	};

	for (uint32_t i = 1; i < all->count; i++)
		task.needs |= all->inventory[i]->needs;
	for (uint32_t i = 0; i < all->count; i++)
		count_huge_pages(all, i, &task);
	task.memory_kb = count_memory(all);
	cpu_describe(&machine);
	clocks_describe(inventory->dir, &machine);
	os_boot_id(machine.boot_id);
	int r = hash_vdso(inventory_task(inventory), &inventory->maps, &machine.vdso_hash);

	if (r < 0)
		return refuse_vdso(r, refusal);
	writer_put(writer, IMAGE_MACHINE, &machine, sizeof(machine));
	object_records_send(all->tables, true, writer);
	writer_put(writer, IMAGE_TASK, &task, sizeof(task));
	for (uint32_t i = 0; i < inventory->maps.count; i++)
		writer_put(writer, IMAGE_MAP, &inventory->maps.map[i], sizeof(struct image_map));
	r = writer_end(writer);
	if (r < 0)
		return refusal_set(refusal, EDVSIO, "the offer cannot be sent to the target: %s",
				   strerror(-r));
	return 0;
}

void offer_free(struct offer *offer)
{
	tables_free(&offer->tables);
	maps_free(&offer->maps);
}

static int refuse_damaged(struct refusal *refusal)
{
	return refusal_set(refusal, EDVSIO, "the source's offer is damaged");
}

/* The machine, and the objects up to the first task, which is left in *payload. */
static int read_objects(struct offer *offer, struct reader *reader, const void **payload,
			struct refusal *refusal)
{
	int r = reader_next(reader, payload, refusal);

	if (r)
		return r;
	if (reader->type != IMAGE_MACHINE || !image_machine_ok(*payload))
		return refusal_set(refusal, EDVSIO,
				   "the source speaks another version of the image");
	memcpy(&offer->machine, *payload, sizeof(offer->machine));
	return object_records_read(&offer->tables, true, reader, IMAGE_TASK, payload, refusal);
}

int offer_read(struct offer *offer, struct reader *reader, struct refusal *refusal)
{
	assert(offer->maps.count == 0 &&
	       offer->tables.files.count == 0); /* one offer is read into it */
	const void *payload;
	int r = read_objects(offer, reader, &payload, refusal);

	if (r)
		return r;
	if (!image_task_ok(payload))
		return refuse_damaged(refusal);
	memcpy(&offer->task, payload, sizeof(offer->task));
	while ((r = reader_next(reader, &payload, refusal)) == 0) {
		if (reader->type == IMAGE_END)
			break;
		if (reader->type != IMAGE_MAP ||
		    object_records_take_map(&offer->tables, &offer->maps, payload) < 0)
			return refuse_damaged(refusal);
	}
	if (r)
		return r;
	if (offer->maps.count != offer->task.map_count)
		return refuse_damaged(refusal);
	memcpy(offer->maps.special, offer->task.special, sizeof(offer->task.special));
	offer->maps.special_count = offer->task.special_count;
	return 0;
}

static int compare_specials(const struct offer *offer, const struct maps *own,
			    struct refusal *refusal)
{
	for (uint32_t i = 0; i < offer->task.special_count; i++) {
		const struct image_special *there = &offer->task.special[i];
		const struct image_special *here = maps_special(own, there->name);

		if (!here || here->length != there->length)
			return refusal_set(
				refusal, EDVSPROCSTS,
				"the kernel's %s mapping differs on the target: both nodes "
				"need the same kernel",
				there->name);
	}
	bool same = own->special_count == offer->task.special_count;

	/* Each of ours is among the source's as well: an offer comes from outside, and may have a name twice. */
	for (uint32_t i = 0; i < own->special_count; i++)
		same = same && maps_special(&offer->maps, own->special[i].name);
	if (!same)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the kernel on the target has other vdso mappings: both nodes need "
			"the same kernel");
	return 0;
}

static int compare_descriptions(const struct descriptions *descriptions, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 0; i < descriptions->count && r == 0; i++) {
		const struct description *description = &descriptions->description[i];

		if (description->kind->fits)
			r = description->kind->fits(&description->image, refusal);
	}
	return r;
}

bool offer_is_local(const struct offer *offer)
{
	uint8_t boot_id[16];

	os_boot_id(boot_id);
	return memcmp(boot_id, offer->machine.boot_id, sizeof(boot_id)) == 0;
}

static int compare_huge_pages(const struct image_task *task, struct refusal *refusal)
{
	const struct {
		uint32_t wanted;
		unsigned kb;
		const char *size;
	} kinds[] = { { task->huge_2m, 2048, "2 MiB" }, { task->huge_1g, 1u << 20, "1 GiB" } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint64_t there = kinds[i].wanted ? os_huge_pages_free(kinds[i].kb) : 0;

		if (kinds[i].wanted > there)
			return refusal_set(refusal, EDVSNOMEM,
					   "the process needs %u huge pages of %s, of which the "
					   "target has %llu to give (vm.nr_hugepages)",
					   kinds[i].wanted, kinds[i].size,
					   (unsigned long long)there);
	}
	return 0;
}

static int compare_memory(const struct image_task *task, struct refusal *refusal)
{
	uint64_t there = os_memory_free_kb();

	if (task->memory_kb <= there)
		return 0;
	return refusal_set(refusal, EDVSNOMEM,
			   "the process has %llu MiB of memory, and the target has %llu MiB to "
			   "give (MemAvailable and SwapFree of /proc/meminfo)",
			   (unsigned long long)(task->memory_kb / 1024),
			   (unsigned long long)(there / 1024));
}

/* This program holds a descriptor of each until the process runs. */
static int compare_memory_files(const struct files *files, struct refusal *refusal)
{
	uint64_t part = os_descriptors_part(), most = part < MEMORY_FILES ? MEMORY_FILES : part;
	uint64_t count = 0;

	for (uint32_t i = 0; i < files->count; i++)
		count += !!(files->file[i].image.use & (IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED));
	assert(count <= files->count);
	if (count <= most)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process uses %llu memory files (memfd) and deleted files, and the "
			   "target's daemon may hold %llu at once: raise its limit of descriptors "
			   "(LimitNOFILE of its service)",
			   (unsigned long long)count, (unsigned long long)most);
}

int offer_compare(const struct offer *offer, pid_t shell, int root, const struct maps *own,
		  struct carried *carried, struct refusal *refusal)
{
	assert(shell > 0);
	assert(root >= 0);
	uint64_t hash = 0;
	int r = cpu_compare(&offer->machine, refusal);

	/* Another release of the system differs in files and in its kernel: the refusal that names a file says more. */
	if (r == 0)
		r = files_compare(&offer->tables.files, root, offer_is_local(offer), carried,
				  refusal);
	if (r == 0)
		r = compare_memory_files(&offer->tables.files, refusal);
	if (r == 0)
		r = compare_specials(offer, own, refusal);
	if (r == 0)
		r = compare_descriptions(&offer->tables.descriptions, refusal);
	if (r)
		return r;
	r = hash_vdso(shell, own, &hash);
	if (r < 0 || hash != offer->machine.vdso_hash)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the kernel on the target has another vdso: both nodes need the "
				   "same kernel");
	r = compare_memory(&offer->task, refusal);
	if (r == 0)
		r = compare_huge_pages(&offer->task, refusal);
	if (r)
		return r;
	if (offer->task.needs & IMAGE_NEEDS_TIMER_IDS && !os_timer_ids_can_be_chosen())
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has a POSIX timer with a number above %d, which can be "
			"kept only with Linux 6.15 or newer on the target",
			IMAGE_TIMERS_COUNTED - 1);
	return 0;
}

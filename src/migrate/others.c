/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All descendants of the init are the container. Each is looked at once: kcmp() compares tables, the
 * list of its mappings is searched for our shared memory, and of its descriptors those are compared
 * whose file we have open as well. An open file may have been sent to any process of the machine: they
 * are all looked at, too, if the process has files with a position or memory files.
 */
#include "migrate/others.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "dvk/errors.h"
#include "migrate/apart.h"
#include "migrate/kind.h"
#include "os/inode.h"
#include "os/kcmp.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/self.h"
#include "os/socket.h"

#define PATH_SHOWN 60 /* of a path in a sentence */
#define ROUNDS_MAX 5

/* An object of ours that others could have, too. */
struct position {
	uint64_t device, inode;
	const struct description *description; /* NULL: of a memory file */
	bool deleted;			       /* of a file that no name leads to */
	bool read_only; /* ours: others may have it, too, unless they write */
};

struct others {
	const struct inventories *all; /* the processes that move */
	struct inventory *inventory;   /* the first of them, for its scratch */
	struct refusal *refusal;
	pid_t *pid; /* owned */
	size_t count, capacity;
	size_t inside; /* so many of them, the first, are of the container */
	pid_t *known;  /* owned, sorted: those of the round before, which have been looked at */
	size_t known_count;
	struct position *position; /* owned; by file and open description */
	size_t position_count;
	struct position *memory; /* owned, sorted: our memory files, and other objects */
	size_t memory_count;
	const struct position *memory_common; /* the one that was found */
	const struct description *common;     /* the one that was found */
	pid_t at;			      /* the one that is looked at */
	int dir;
};

/* ---- the others ---- */

static bool is_moving(const struct others *others, pid_t pid)
{
	for (uint32_t i = 0; i < others->all->count; i++)
		if (others->all->inventory[i]->pid == pid)
			return true;
	return false;
}

static int add(struct others *others, pid_t pid)
{
	if (others->count == others->capacity) {
		size_t capacity = others->capacity ? others->capacity * 2 : 64;
		pid_t *bigger = realloc(others->pid, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		others->pid = bigger;
		others->capacity = capacity;
	}
	assert(pid > 0);
	assert(others->count < others->capacity);
	others->pid[others->count++] = pid;
	return 0;
}

static int add_children(void *ctx, const char *task)
{
	struct others *others = ctx;
	struct procdir_text *text = &others->inventory->text;
	char name[48];
	int r = 0;

	snprintf(name, sizeof(name), "task/%s/children", task);
	if (procdir_read(others->dir, name, text) < 0)
		return 0;
	for (char *at = text->text; *at && r == 0; at += strspn(at, " ")) {
		char *end;
		pid_t pid = (pid_t)strtol(at, &end, 10);

		if (end == at)
			break;
		at = end;
		if (pid > 0 && !is_moving(others, pid))
			r = add(others, pid);
	}
	return r;
}

/* As procdir_read() does it: see inventory_check_lack(). */
static void note_lack(struct others *others, int r)
{
	if (r == -EMFILE || r == -ENFILE)
		others->inventory->text.lack = r;
}

/* 0, or 1 if it has ended meanwhile (its children are the init's then), or a refusal. */
static int open_other(struct others *others, pid_t pid)
{
	assert(!is_moving(others, pid));
	others->at = pid;
	others->dir = procdir_open(pid);
	if (others->dir >= 0)
		return 0;
	return others->dir == -ESRCH
		       ? 1
		       : refusal_set(others->refusal, EDVSIO,
				     "process %d, which may have something in common with the "
				     "process, cannot be looked at: %s",
				     (int)pid, strerror(-others->dir));
}

static int collect(struct others *others)
{
	assert(others->count == 0); /* each round lists anew */
	int r = add(others, others->inventory->init);

	for (size_t i = 0; i < others->count && r == 0; i++) {
		r = open_other(others, others->pid[i]);
		if (r == 1)
			r = 0;
		else if (r == 0) {
			r = procdir_each(others->dir, "task", add_children, others);
			note_lack(others, r);
			if (r != -ENOMEM)
				r = 0;
			os_close(others->dir);
		}
	}
	return r;
}

static int add_any(void *ctx, const char *name)
{
	struct others *others = ctx;
	pid_t pid = (pid_t)strtol(name, NULL, 10);

	return pid > 0 && !is_moving(others, pid) ? add(others, pid) : 0;
}

static int collect_all(struct others *others, bool outside)
{
	int r = collect(others);

	others->inside = others->count;
	if (r == 0 && outside && (others->memory_count || others->position_count))
		r = procdir_each(OS_FOLDER_CURRENT, "/proc", add_any, others);
	return r;
}

/* ---- what is common ---- */

const struct others_table others_tables[OTHERS_TABLES] = {
	{ OS_KCMP_VM, "address space", IMAGE_SHARES_MEMORY },
	{ OS_KCMP_FILES, "descriptor table", IMAGE_SHARES_FILES },
	{ OS_KCMP_FS, "working directory", IMAGE_SHARES_FS },
	{ OS_KCMP_SIGHAND, "signal handlers", IMAGE_SHARES_HANDLERS },
};

int others_check_table(const struct inventory *inventory, pid_t other,
		       const struct others_table *table, struct refusal *refusal)
{
	if (os_kcmp(inventory_task(inventory), other, table->kind))
		return 0;
	return refusal_set(refusal, EDVSPROCSTS, "the process shares its %s with process %d",
			   table->what, (int)other);
}

static int check_tables_of(struct others *others, const struct inventory *inventory)
{
	int r = 0;

	for (int i = 0; i < OTHERS_TABLES && r == 0; i++)
		r = others_check_table(inventory, others->at, &others_tables[i], others->refusal);
	return r ? r : apart_check_other(inventory, others->at, others->refusal);
}

static int check_tables(struct others *others)
{
	int r = 0;

	for (uint32_t i = 0; i < others->all->count && r == 0; i++)
		r = check_tables_of(others, others->all->inventory[i]);
	return r;
}

/* Whether one of the processes that move has that number: their sessions are those of some of them. */
static bool is_session(const struct others *others, int32_t session)
{
	for (uint32_t i = 0; i < others->all->count; i++)
		if (others->all->inventory[i]->process.vpid == session)
			return true;
	return false;
}

/* An orphan of the process is in its session still: it would stay behind, without the process. */
static int check_orphan(struct others *others)
{
	struct inventory *inventory = others->inventory;

	if (procdir_read(others->dir, "status", &inventory->text) < 0)
		return 0;
	const char *state = procdir_field(inventory->text.text, "State");

	if (!state || *state == 'Z' || *state == 'X' ||
	    !is_session(others,
			inventory_last_number(procdir_field(inventory->text.text, "NSsid"))))
		return 0;
	return refusal_set(others->refusal, EDVSPROCSTS,
			   "the process left a child process of its own child behind (%d), which "
			   "cannot move with it; let it end first",
			   (int)others->at);
}

static int refuse_memory(struct others *others, const struct position *position)
{
	if (position && position->deleted)
		return refusal_set(others->refusal, EDVSPROCSTS,
				   "the process shares a deleted file with process %d, which would "
				   "stay behind",
				   (int)others->at);
	return refusal_set(others->refusal, EDVSPROCSTS,
			   "the process shares memory with process %d, which would stay behind",
			   (int)others->at);
}

/* One of the objects that cannot be in two places. The mappings of the other one are read once. */
static int check_mapped(struct others *others, bool *read, uint64_t device, uint64_t inode,
			const struct position *position)
{
	struct procdir_text *text = &others->inventory->text;

	if (!*read && procdir_read(others->dir, "maps", text) < 0)
		return 1;
	*read = true;
	return maps_text_has(text->text, device, inode, position && position->read_only)
		       ? refuse_memory(others, position)
		       : 0;
}

static uint64_t device_of(const struct inventory *inventory, const struct image_map *map)
{
	struct os_status status;
	char link[64];

	if (!(map->flags & IMAGE_MAP_HUGE))
		return os_device(0, 1);
	snprintf(link, sizeof(link), "map_files/%llx-%llx", (unsigned long long)map->start,
		 (unsigned long long)map->end);
	return os_status_at(inventory->dir, link, &status) < 0 ? 0 : status.device;
}

static int check_anonymous(struct others *others, const struct inventory *inventory, bool *read)
{
	const struct maps *maps = &inventory->maps;
	int r = 0;

	for (uint32_t i = 0; i < maps->count && r == 0; i++)
		if (maps->map[i].kind == IMAGE_MAP_SHARED_ANON)
			r = check_mapped(others, read, device_of(inventory, &maps->map[i]),
					 maps->map[i].object & ~MAPS_HUGE_MEMORY, NULL);
	return r;
}

static int check_memory(struct others *others)
{
	bool read = false;
	int r = 0;

	for (uint32_t i = 0; i < others->all->count && r == 0; i++)
		r = check_anonymous(others, others->all->inventory[i], &read);
	for (size_t i = 0; i < others->memory_count && r == 0; i++)
		if (!others->memory[i].description) /* else nothing that can be mapped */
			r = check_mapped(others, &read, others->memory[i].device,
					 others->memory[i].inode, &others->memory[i]);
	return r < 0 ? r : 0;
}

static int by_file(const struct position *a, const struct position *b)
{
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return (a->inode > b->inode) - (a->inode < b->inode);
}

static int by_position(const void *a, const void *b)
{
	const struct position *one = a, *other = b;
	int order = by_file(one, other);

	if (order || one == other)
		return order;
	order = os_kcmp_files(one->description->pid, one->description->number,
			      other->description->pid, other->description->number);
	return order ? order : one->description->number - other->description->number;
}

static enum kind_share share_of(const struct others *others, const struct description *description)
{
	const struct kind *kind = description->kind;

	assert(!kind->share != !kind->shared);
	return kind->share ? kind->share(&description->image, &others->all->tables->files)
			   : kind->shared;
}

static struct position position_of(const struct description *description)
{
	return (struct position){ description->device, description->inode, description, false,
				  false };
}

static int collect_positions(struct others *others)
{
	const struct descriptions *descriptions = &others->all->tables->descriptions;

	assert(!others->position);
	others->position = calloc((size_t)descriptions->count + 1, sizeof(*others->position));
	if (!others->position)
		return -ENOMEM;
	for (uint32_t i = 0; i < descriptions->count; i++)
		if (share_of(others, &descriptions->description[i]) == KIND_SHARE_DESCRIPTION)
			others->position[others->position_count++] =
				position_of(&descriptions->description[i]);
	qsort(others->position, others->position_count, sizeof(*others->position), by_position);
	return 0;
}

static int compare_files(const void *a, const void *b)
{
	return by_file(a, b);
}

static int collect_memory(struct others *others)
{
	const struct files *files = &others->all->tables->files;
	const struct descriptions *descriptions = &others->all->tables->descriptions;

	assert(!others->memory);
	others->memory =
		calloc((size_t)files->count + descriptions->count + 1, sizeof(*others->memory));
	if (!others->memory)
		return -ENOMEM;
	for (uint32_t i = 0; i < files->count; i++) {
		const struct image_file *file = &files->file[i].image;

		if (file->use & IMAGE_FILE_MEMORY)
			others->memory[others->memory_count++] =
				(struct position){ .device = file->device,
						   .inode = file->inode,
						   .deleted = file->use & IMAGE_FILE_DELETED,
						   .read_only = !(file->use & IMAGE_FILE_WRITTEN) };
	}
	for (uint32_t i = 0; i < descriptions->count; i++)
		if (share_of(others, &descriptions->description[i]) == KIND_SHARE_OBJECT)
			others->memory[others->memory_count++] =
				position_of(&descriptions->description[i]);
	qsort(others->memory, others->memory_count, sizeof(*others->memory), compare_files);
	return 0;
}

static int refuse_common(struct others *others, const struct description *description)
{
	struct procdir_text *text = &others->inventory->text;
	const struct kind *kind = description->kind;
	const char *name = kind->label
				   ? kind->label(&description->image, &others->all->tables->files)
				   : kind->name;
	size_t length = strlen(name), skip = length > PATH_SHOWN ? length - PATH_SHOWN : 0;
	char comm[32] = "";

	if (procdir_read(others->dir, "comm", text) == 0)
		snprintf(comm, sizeof(comm), " (%.*s)", (int)strcspn(text->text, "\n"), text->text);
	return refusal_set(others->refusal, EDVSPROCSTS,
			   "descriptor %d of the process (%s%s) %s process %d%s, which would stay "
			   "behind: end that one first%s",
			   description->number, skip ? "..." : "", name + skip, kind->common,
			   (int)others->at, comm, kind->remedy);
}

/* Whether the other one, which is looked at, has it open for writing; true if that cannot be seen. */
static bool is_written(struct others *others, const char *number)
{
	struct procdir_text *text = &others->inventory->more;
	char name[32];

	snprintf(name, sizeof(name), "fdinfo/%.16s", number);
	return procdir_read(others->dir, name, text) < 0 ||
	       (procdir_number(text->text, "flags", 8, OS_OPEN_BOTH) & OS_OPEN_ACCESS) !=
		       OS_OPEN_READ;
}

static int find_common(void *ctx, const char *number)
{
	struct others *others = ctx;
	struct os_inode inode;
	char name[32];

	/* Its file may be on a file system that does not answer: nothing is asked of that. */
	snprintf(name, sizeof(name), "fd/%.16s", number);
	if (passed_has(&others->all->tables->passed, others->at, (int)strtol(number, NULL, 10)) ||
	    os_inode_at(others->dir, name, &inode) < 0)
		return 0;
	const struct position wanted = {
		.device = inode.dev,
		.inode = inode.ino,
	};
	size_t low = 0, high = others->position_count;

	if (others->memory_count)
		others->memory_common = bsearch(&wanted, others->memory, others->memory_count,
						sizeof(wanted), compare_files);
	if (others->memory_common && others->memory_common->read_only &&
	    !is_written(others, number))
		others->memory_common = NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct position *at = &others->position[middle];
		int order = by_file(at, &wanted);

		if (!order)
			order = os_kcmp_files(at->description->pid, at->description->number,
					      others->at, (int)strtol(number, NULL, 10));
		/* On to the lowest number, should several be of one description. */
		if (order == 0)
			others->common = at->description;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return others->common != NULL || others->memory_common != NULL;
}

static int check_positions(struct others *others)
{
	assert(others->dir >= 0);
	others->common = NULL;
	others->memory_common = NULL;
	if (others->position_count || others->memory_count)
		note_lack(others, procdir_each(others->dir, "fd", find_common, others));
	if (others->memory_common && !others->memory_common->description)
		return refuse_memory(others, others->memory_common);
	if (others->memory_common)
		return refuse_common(others, others->memory_common->description);
	return others->common ? refuse_common(others, others->common) : 0;
}

/* ---- both ---- */

/* A hash of the init's list of its children. An orphan comes to be in that list. */
static uint64_t children_of_init(struct inventory *inventory)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", (int)inventory->init,
		 (int)inventory->init);
	if (procdir_read(OS_FOLDER_CURRENT, name, &inventory->text) < 0)
		return 0;
	return hash_bytes(HASH_SEED, inventory->text.text, inventory->text.length);
}

/* While they run, those that move have new children, which have all that they have: the freeze finds these, too. */
static bool is_new_child(const struct others *others)
{
	pid_t parent = others->inventory->is_held ? 0 : os_parent_of(others->at);

	return parent > 0 && is_moving(others, parent);
}

static int check_one(struct others *others, bool inside)
{
	int r = inside ? check_tables(others) : 0;

	if (r == 0 && inside)
		r = check_orphan(others);
	if (r == 0)
		r = check_memory(others);
	if (r == 0)
		r = check_positions(others);
	if (r == 0 || !is_new_child(others))
		return r;
	refusal_clear(others->refusal);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const pid_t *one = a, *other = b;

	return (*one > *other) - (*one < *other);
}

/* Looks at those that are new. Returns how many, or a refusal. */
static int check_new(struct others *others)
{
	assert(others->inside <= others->count);
	int found = 0;

	for (size_t i = 0; i < others->count; i++) {
		if (others->known_count && bsearch(&others->pid[i], others->known,
						   others->known_count, sizeof(pid_t), by_number))
			continue;
		int r = open_other(others, others->pid[i]);

		if (r == 0) {
			r = check_one(others, i < others->inside);
			os_close(others->dir);
		}
		if (r < 0)
			return r;
		found++;
	}
	return found;
}

/*
 * Between two of our looks, a process may hand an object that it shares with us on to a child, and end or close
 * it: so the container is listed again until no process is new. A container that starts processes all the
 * time is no reason to refuse: a few rounds find a process that hands something on once.
 */
static int check_rounds(struct others *others, bool outside)
{
	int r = 1;

	for (int round = 0; round < ROUNDS_MAX && r > 0; round++) {
		r = collect_all(others, outside && round == 0);
		if (r == 0)
			r = check_new(others);
		free(others->known);
		others->known = others->pid;
		others->known_count = others->count;
		qsort(others->known, others->known_count, sizeof(pid_t), by_number);
		others->pid = NULL;
		others->count = others->capacity = 0;
	}
	return r < 0 ? r : 0;
}

static int check(const struct inventories *all, bool outside, struct refusal *refusal)
{
	assert(all->count);
	/* This program has put the process together. */
	struct others others = {
		.all = all, .inventory = all->inventory[0], .refusal = refusal, .at = os_self_pid()
	};

	others.inventory->others = children_of_init(others.inventory);
	int r = collect_memory(&others);

	if (r == 0)
		r = collect_positions(&others);
	if (r == 0)
		r = check_tables(&others);
	if (r == 0)
		r = inventories_check_kin(all, refusal);
	if (r == 0)
		r = check_rounds(&others, outside);
	if (r == -ENOMEM)
		r = refusal_set(refusal, EDVSNOMEM, "out of memory");
	free(others.pid);
	free(others.known);
	free(others.position);
	free(others.memory);
	return r;
}

int others_check(const struct inventories *all, struct refusal *refusal)
{
	return check(all, true, refusal);
}

/* Processes outside cannot have got anything meanwhile: the process holds no socket. */
int others_check_again(const struct inventories *all, struct refusal *refusal)
{
	struct inventory *first = all->inventory[0];

	return children_of_init(first) == first->others ? 0
							: check(all, first->others == 0, refusal);
}

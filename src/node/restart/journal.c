/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/directory.h"
#include "node/restart/state.h"
#include "os/memfd.h"
#include "os/socket.h"
#include "wire/command.h"

/* ---- writing ---- */

static _Atomic uint64_t *count_of(void *file)
{
	return file;
}

int journal_init(struct journal *journal, size_t room)
{
	int r;

	assert(room > JOURNAL_HEAD_BYTES);
	*journal = (struct journal){ .fd = os_memfd_new("dvs-handover", room) };
	if (journal->fd < 0)
		return journal->fd;
	r = os_memfd_map(journal->fd, room, 0, &journal->map);
	if (r < 0)
		journal->fd = os_close(journal->fd);
	else
		journal->room = room;
	return r;
}

void journal_deinit(struct journal *journal)
{
	if (journal->map)
		os_memfd_unmap(journal->map, journal->room);
	os_close(journal->fd);
	*journal = (struct journal){ .fd = -1 };
}

void journal_clear(struct journal *journal)
{
	assert(journal->map);
	journal->bytes = 0;
	atomic_store(count_of(journal->map), 0);
}

uint8_t *journal_end(const struct journal *journal, size_t *room)
{
	size_t at = JOURNAL_HEAD_BYTES + journal->bytes;

	assert(journal->map);
	assert(at <= journal->room);
	*room = journal->room - at;
	return (uint8_t *)journal->map + at;
}

void journal_add(struct journal *journal, size_t bytes)
{
	assert(bytes <= journal->room - JOURNAL_HEAD_BYTES - journal->bytes);
	journal->bytes += bytes;
	/* Partner: journal_read() of the next daemon, which sees all stores that this one had made. */
	atomic_store(count_of(journal->map), journal->bytes);
}

/* ---- reading ---- */

struct entry {
	enum handover_kind kind;
	uint64_t number;
	size_t place; /* the higher the newer */
	bool gone;
	const uint8_t *bytes; /* the record */
	size_t len;
	const uint8_t *tail; /* of a directory or a command */
	uint32_t tail_bytes;
};

struct reading {
	struct entry *entries;
	size_t count, room;
};

static int take_record(struct reading *reading, const struct state_record *record,
		       const uint8_t *bytes, size_t len)
{
	struct entry *entries = reading->entries;

	if (reading->count == reading->room) {
		reading->room = reading->room ? reading->room * 2 : 256;
		entries = realloc(entries, reading->room * sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		reading->entries = entries;
	}
	entries += reading->count;
	*entries = (struct entry){ .kind = record->kind,
				   .number = record->number,
				   .place = reading->count++,
				   .bytes = bytes,
				   .len = len };
	if (record->kind == HANDOVER_GONE) {
		entries->kind = (enum handover_kind)record->gone.kind;
		entries->gone = true;
	} else if (record->kind == HANDOVER_COMMAND) {
		entries->tail = record->command.command;
		entries->tail_bytes = record->command.bytes;
	} else if (record->kind == HANDOVER_DIRECTORY) {
		entries->tail = record->directory.image;
		entries->tail_bytes = record->directory.bytes;
	}
	return 0;
}

static int take_part(struct reading *reading, const uint8_t *part, size_t bytes)
{
	size_t at = HANDOVER_HEAD_BYTES, begin = at;
	struct state_record record;
	int r;

	while ((r = state_next(part, bytes, &at, NULL, NULL, &record)) > 0) {
		r = take_record(reading, &record, part + begin, at - begin);
		if (r < 0)
			break;
		begin = at;
	}
	return r;
}

static int take_parts(struct reading *reading, const uint8_t *parts, size_t bytes,
		      const struct handover_versions *own, uint32_t *version)
{
	int r = bytes ? 0 : -EBADMSG;

	while (r == 0 && bytes) {
		size_t len;

		r = handover_open(parts, bytes, own, version);
		if (r < 0)
			break;
		len = handover_bytes(parts, bytes);
		r = take_part(reading, parts, len);
		parts += len;
		bytes -= len;
	}
	return r;
}

/* By kind; then the youngest thing first; of one thing its newest record. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->number != y->number)
		return x->number > y->number ? -1 : 1;
	return x->place > y->place ? -1 : 1;
}

/* The newest record of each thing, and the commands that came behind the newest directory. */
static void drop_old(struct reading *reading)
{
	struct entry *entries = reading->entries;
	size_t kept = 0, directory = 0;

	for (size_t i = 0; i < reading->count; i++)
		if (entries[i].kind == HANDOVER_DIRECTORY && entries[i].place > directory)
			directory = entries[i].place;
	if (reading->count)
		qsort(entries, reading->count, sizeof(*entries), compare);
	for (size_t i = 0; i < reading->count; i++) {
		const struct entry *e = &entries[i];
		bool is_command = e->kind == HANDOVER_COMMAND;

		if (is_command ? e->place < directory
			       : kept && entries[kept - 1].kind == e->kind &&
					 entries[kept - 1].number == e->number)
			continue;
		entries[kept++] = *e;
	}
	reading->count = kept;
}

struct applying {
	struct directory directory;
	struct directory_effect effects[DIRECTORY_EFFECTS_MAX];
};

/* Commands are numbered by their order, so that the first of them is the last one here. */
static int apply(struct applying *applying, const struct reading *reading)
{
	struct directory_effects effects = { .item = applying->effects };
	struct directory_result result;
	struct command cmd;
	int r = 0;

	for (size_t i = reading->count; i > 0 && r == 0; i--) {
		const struct entry *e = &reading->entries[i - 1];

		if (e->kind != HANDOVER_COMMAND)
			continue;
		r = command_decode(&cmd, e->tail, e->tail_bytes);
		if (r == 0)
			directory_apply(&applying->directory, e->number, &cmd, &effects, &result);
	}
	return r;
}

/* The directory as it was after all commands. */
static int put_directory(const struct reading *reading, const struct entry *entry,
			 struct handover_cursor *c)
{
	struct state_record record = { .kind = entry->kind, .number = entry->number };
	struct applying *applying = malloc(sizeof(*applying));
	size_t bound = directory_encode_bound();
	uint8_t *image = malloc(bound);
	int r = applying && image ? 0 : -ENOMEM;

	if (r == 0)
		r = directory_decode(&applying->directory, entry->tail, entry->tail_bytes);
	if (r == 0)
		r = apply(applying, reading);
	if (r == 0) {
		record.directory.image = image;
		record.directory.bytes =
			(uint32_t)directory_encode(&applying->directory, image, bound);
		state_put(c, &record);
	}
	free(image);
	free(applying);
	return r;
}

static int put_kind(const struct reading *reading, enum handover_kind kind,
		    struct handover_cursor *c)
{
	int r = 0;

	for (size_t i = 0; i < reading->count && r == 0; i++) {
		const struct entry *e = &reading->entries[i];

		if (e->kind != kind || e->gone)
			continue;
		if (kind == HANDOVER_DIRECTORY) {
			r = put_directory(reading, e, c);
			continue;
		}
		assert(e->len <= c->size - c->at);
		memcpy(c->out + c->at, e->bytes, e->len);
		c->at += e->len;
	}
	return r;
}

/* In the order in which a successor takes them. */
static int put_all(const struct reading *reading, struct handover_cursor *c)
{
	static const enum handover_kind kinds[] = {
		HANDOVER_NODE,	HANDOVER_PAGE,	   HANDOVER_DIRECTORY, HANDOVER_GROUP,
		HANDOVER_INIT,	HANDOVER_RIGHTS,   HANDOVER_TASK,      HANDOVER_BINDING,
		HANDOVER_ENDED, HANDOVER_COUNTERS, HANDOVER_LINK,      HANDOVER_REQUEST,
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && r == 0; i++)
		r = put_kind(reading, kinds[i], c);
	return r;
}

static int write_whole(const struct reading *reading, size_t most,
		       const struct handover_versions *own, uint8_t **statep, size_t *bytesp)
{
	uint8_t *state = malloc(most);
	struct handover_cursor c = { .out = state, .at = HANDOVER_HEAD_BYTES, .size = most };
	int r = state ? put_all(reading, &c) : -ENOMEM;

	if (r < 0) {
		free(state);
		return r;
	}
	assert(c.at <= most);
	handover_seal(state, c.at, own);
	*statep = state;
	*bytesp = c.at;
	return 0;
}

int journal_read(const void *file, size_t size, const struct handover_versions *own,
		 uint8_t **statep, size_t *bytesp, uint32_t *version)
{
	struct reading reading = { .entries = NULL };
	const uint8_t *parts = (const uint8_t *)file + JOURNAL_HEAD_BYTES;
	uint64_t bytes;
	int r;

	*version = 0;
	if (size < JOURNAL_HEAD_BYTES)
		return -EBADMSG;
	bytes = atomic_load((const _Atomic uint64_t *)file);
	if (bytes > size - JOURNAL_HEAD_BYTES)
		return -EBADMSG;
	r = take_parts(&reading, parts, (size_t)bytes, own, version);
	if (r == 0) {
		drop_old(&reading);
		r = write_whole(&reading,
				(size_t)bytes + 2 * HANDOVER_HEAD_BYTES + directory_encode_bound(),
				own, statep, bytesp);
	}
	free(reading.entries);
	return r;
}

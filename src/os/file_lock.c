/* SPDX-License-Identifier: Apache-2.0 */
#include "os/file_lock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 10

struct words {
	const char *at[WORDS_MAX];
	size_t length[WORDS_MAX];
	unsigned count;
};

/* The words up to the end of the line. */
static void split(const char *line, struct words *words)
{
	words->count = 0;
	for (const char *at = line; *at && *at != '\n' && words->count < WORDS_MAX;) {
		size_t gap = strspn(at, " \t"), length = strcspn(at + gap, " \t\n");

		if (length) {
			words->at[words->count] = at + gap;
			words->length[words->count++] = length;
		}
		at += gap + length;
	}
}

static bool is(const struct words *words, unsigned index, const char *text)
{
	return index < words->count && words->length[index] == strlen(text) &&
	       memcmp(words->at[index], text, words->length[index]) == 0;
}

static bool parse_owner(const struct words *words, unsigned at, struct os_file_lock *lock)
{
	static const struct {
		const char *text;
		enum os_file_lock_owner owner;
	} known[] = {
		{ "POSIX", OS_FILE_LOCK_PROCESS },
		{ "OFDLCK", OS_FILE_LOCK_DESCRIPTION },
		{ "FLOCK", OS_FILE_LOCK_DESCRIPTION_ALL },
		{ "LEASE", OS_FILE_LOCK_LEASE },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (is(words, at, known[i].text))
			lock->owner = known[i].owner;
	return lock->owner != 0;
}

/* "7: POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF"; "7: -> POSIX ..." of an owner that waits behind lock 7. */
bool os_file_lock_parse(const char *line, struct os_file_lock *lock)
{
	struct words words;

	*lock = (struct os_file_lock){ 0 };
	split(line, &words);
	lock->waits = is(&words, 1, "->");
	unsigned at = lock->waits ? 2 : 1;

	if (words.count != at + 7 || !parse_owner(&words, at, lock))
		return false;
	lock->is_breaking = lock->owner == OS_FILE_LOCK_LEASE && !is(&words, at + 1, "ACTIVE");
	lock->exclusive = is(&words, at + 2, "WRITE");
	lock->pid = (pid_t)strtol(words.at[at + 3], NULL, 10);
	snprintf(lock->object, sizeof(lock->object), "%.*s", (int)words.length[at + 4],
		 words.at[at + 4]);
	lock->start = strtoull(words.at[at + 5], NULL, 10);
	if (!is(&words, at + 6, "EOF"))
		lock->length = strtoull(words.at[at + 6], NULL, 10) - lock->start + 1;
	return lock->exclusive || is(&words, at + 2, "READ") ||
	       (lock->is_breaking && is(&words, at + 2, "UNLCK"));
}

int os_file_lock_next(const char **at, struct os_file_lock *lock)
{
	static const char head[] = "lock:\t";

	assert(*at);
	while (**at) {
		const char *line = *at;

		*at += strcspn(line, "\n");
		*at += **at == '\n';
		if (strncmp(line, head, strlen(head)) == 0)
			return os_file_lock_parse(line + strlen(head), lock) ? 1 : -EPROTO;
	}
	return 0;
}

static bool is_of_ranges(const struct os_file_lock *lock)
{
	return lock->owner == OS_FILE_LOCK_PROCESS || lock->owner == OS_FILE_LOCK_DESCRIPTION;
}

/* Locks of ranges and those of flock() know nothing of each other. */
static bool conflict(const struct os_file_lock *a, const struct os_file_lock *b)
{
	return (a->exclusive || b->exclusive) &&
	       (a->owner == b->owner || (is_of_ranges(a) && is_of_ranges(b))) &&
	       (!a->length || a->start + a->length > b->start) &&
	       (!b->length || b->start + b->length > a->start) && strcmp(a->object, b->object) == 0;
}

pid_t os_file_lock_awaited(const char *all, const struct os_file_lock *lock,
			   bool (*moves)(const void *ctx, pid_t pid), const void *ctx)
{
	pid_t found = 0;

	assert(lock->owner && !lock->waits);
	for (const char *line = all; *line && found <= 0;) {
		struct os_file_lock other;

		if (os_file_lock_parse(line, &other) && other.waits && conflict(lock, &other) &&
		    !(other.pid > 0 && moves(ctx, other.pid)))
			found = other.pid > 0 ? other.pid : -1;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return found;
}

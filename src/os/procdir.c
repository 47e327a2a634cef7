/* SPDX-License-Identifier: Apache-2.0 */
#include "os/procdir.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_FIRST 16384

void procdir_text_free(struct procdir_text *text)
{
	free(text->text);
	*text = (struct procdir_text){ 0 };
}

int procdir_open(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == ENOENT ? -ESRCH : -errno;
}

static int grow(struct procdir_text *text)
{
	size_t capacity = text->capacity ? text->capacity * 2 : TEXT_FIRST;
	char *bigger = realloc(text->text, capacity);

	assert(capacity > text->capacity);
	if (!bigger)
		return -ENOMEM;
	text->text = bigger;
	text->capacity = capacity;
	return 0;
}

static int read_all(int fd, struct procdir_text *text)
{
	text->length = 0;
	for (;;) {
		if (text->length + 1 >= text->capacity) {
			int result = grow(text);

			if (result < 0)
				return result;
		}
		ssize_t got =
			read(fd, text->text + text->length, text->capacity - text->length - 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		text->length += (size_t)got;
		text->text[text->length] = 0;
		if (got == 0)
			return 0;
	}
}

static int open_and_read(int directory, const char *name, struct procdir_text *text)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int result = read_all(fd, text);

	close(fd);
	return result;
}

int procdir_read(int directory, const char *name, struct procdir_text *text)
{
	int result = open_and_read(directory, name, text);

	if (result == -EMFILE || result == -ENFILE || result == -ENOMEM)
		text->lack = result;
	return result;
}

bool procdir_ended(int directory)
{
	char text[512], state = 0;
	int threads = 0;
	int fd = openat(directory, "stat", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ESRCH;
	ssize_t got = read(fd, text, sizeof(text) - 1);
	bool gone = got < 0 && errno == ESRCH;

	close(fd);
	if (got <= 0)
		return gone;
	text[got] = 0;
	/* The name before may have parentheses itself. Fields 3 and 20: the state, the threads. */
	const char *at = strrchr(text, ')');

	if (!at ||
	    sscanf(at + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %d",
		   &state, &threads) != 2)
		return false;
	return (state == 'Z' || state == 'X') && threads <= 1;
}

ssize_t procdir_link(int directory, const char *name, char *target, size_t bytes)
{
	ssize_t length = readlinkat(directory, name, target, bytes - 1);

	assert(bytes > 0);
	if (length < 0)
		return -errno;
	target[length] = 0;
	return length;
}

const char *procdir_field(const char *text, const char *name)
{
	size_t length = strlen(name);

	assert(name[0]);
	for (const char *at = text; at; at = strchr(at, '\n')) {
		if (*at == '\n')
			at++;
		if (strncmp(at, name, length) == 0 && at[length] == ':') {
			at += length + 1;
			return at + strspn(at, " \t");
		}
	}
	return NULL;
}

uint64_t procdir_number(const char *text, const char *name, int base, uint64_t otherwise)
{
	const char *value = procdir_field(text, name);

	return value ? strtoull(value, NULL, base) : otherwise;
}

int procdir_each(int directory, const char *name, int (*each)(void *ctx, const char *name),
		 void *ctx)
{
	int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = 0;

	assert(each);
	if (fd < 0)
		return -errno;
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	for (struct dirent *entry; result == 0 && (entry = readdir(dir));) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			result = each(ctx, entry->d_name);
	}
	closedir(dir);
	return result;
}

int procdir_write(int directory, const char *name, const char *text)
{
	int fd = openat(directory, name, O_WRONLY | O_CLOEXEC);

	assert(text);
	if (fd < 0)
		return -errno;
	ssize_t done = write(fd, text, strlen(text));
	int result = done < 0 ? -errno : 0;

	close(fd);
	return result;
}

struct numbers {
	int *number;
	size_t count, capacity;
};

static int collect_number(void *ctx, const char *name)
{
	struct numbers *numbers = ctx;

	if (numbers->count == numbers->capacity) {
		numbers->capacity = numbers->capacity ? numbers->capacity * 2 : 64;
		int *bigger = realloc(numbers->number, numbers->capacity * sizeof(int));

		if (!bigger)
			return -ENOMEM;
		numbers->number = bigger;
	}
	numbers->number[numbers->count++] = (int)strtol(name, NULL, 10);
	return 0;
}

static int ascending(const void *a, const void *b)
{
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

int procdir_numbers(int directory, const char *name, int **number, size_t *count)
{
	struct numbers numbers = { 0 };
	int r = procdir_each(directory, name, collect_number, &numbers);

	assert(numbers.count <= numbers.capacity);
	if (numbers.count)
		qsort(numbers.number, numbers.count, sizeof(int), ascending);
	*number = numbers.number;
	*count = numbers.count;
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/passed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "os/procdir.h"
#include "os/self.h"
#include "os/socket.h"

void passed_clear(struct passed *passed)
{
	assert(passed->count <= passed->capacity);
	while (passed->count)
		os_close(passed->fd[--passed->count]);
	descriptors_clear(&passed->descriptors);
	if (passed->dir > 0)
		os_close(passed->dir);
	passed->dir = 0;
}

void passed_free(struct passed *passed)
{
	passed_clear(passed);
	descriptors_free(&passed->descriptors);
	free(passed->fd);
	*passed = (struct passed){ 0 };
}

int passed_append(struct passed *passed, int fd)
{
	if (passed->count == passed->capacity) {
		uint32_t capacity = passed->capacity ? passed->capacity * 2 : 16;
		int *bigger = realloc(passed->fd, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		passed->fd = bigger;
		passed->capacity = capacity;
	}
	assert(fd >= 0);
	passed->fd[passed->count++] = fd;
	return 0;
}

int passed_open(struct passed *passed)
{
	assert(!passed->dir);
	int dir = procdir_open(os_self_pid());

	passed->dir = dir < 0 ? 0 : dir;
	return dir < 0 ? dir : 0;
}

bool passed_has(const struct passed *passed, pid_t pid, int number)
{
	if (!passed->count || pid != os_self_pid())
		return false;
	for (uint32_t i = 0; i < passed->count; i++)
		if (passed->fd[i] == number)
			return true;
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/locks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void locks_free(struct locks *locks)
{
	free(locks->lock);
	*locks = (struct locks){ 0 };
}

int locks_append(struct locks *locks, const struct image_lock *lock)
{
	assert(locks->count <= locks->capacity);
	if (locks->count == IMAGE_LOCKS_MAX)
		return -E2BIG;
	if (locks->count == locks->capacity) {
		uint32_t capacity = locks->capacity ? locks->capacity * 2 : 8;
		struct image_lock *bigger = realloc(locks->lock, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		locks->lock = bigger;
		locks->capacity = capacity;
	}
	assert(image_lock_ok(lock));
	locks->lock[locks->count++] = *lock;
	return 0;
}

bool locks_exclude(const struct locks *locks)
{
	for (uint32_t i = 0; i < locks->count; i++)
		if (locks->lock[i].exclusive && locks->lock[i].owner != IMAGE_LOCK_LEASE)
			return true;
	return false;
}

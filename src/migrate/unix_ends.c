/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_ends.h"

#include <assert.h>
#include <stdlib.h>

#include "os/unix_pair.h"

#define LISTS_MAX 3 /* of all sockets */

static int by_inode(const void *a, const void *b)
{
	struct description *const *one = a, *const *other = b;
	uint32_t first = (uint32_t)(*one)->inode, second = (uint32_t)(*other)->inode;

	return (first > second) - (first < second);
}

bool unix_ends_collect(struct unix_ends *ends, const struct descriptions *descriptions,
		       bool (*is_wanted)(const struct description *description))
{
	*ends = (struct unix_ends){ .end = calloc(descriptions->count + 1,
						  sizeof(struct description *)) };
	if (!ends->end)
		return false;
	for (uint32_t i = 0; i < descriptions->count; i++)
		if (is_wanted(&descriptions->description[i]))
			ends->end[ends->count++] = &descriptions->description[i];
	qsort(ends->end, ends->count, sizeof(struct description *), by_inode);
	return true;
}

void unix_ends_free(struct unix_ends *ends)
{
	free(ends->end);
	*ends = (struct unix_ends){ 0 };
}

struct description *unix_ends_find(const struct unix_ends *ends, uint32_t inode)
{
	struct description wanted = { .inode = inode }, *key = &wanted;
	struct description **found =
		bsearch(&key, ends->end, ends->count, sizeof(struct description *), by_inode);

	return found ? *found : NULL;
}

static bool are_known(const struct unix_ends *ends, bool (*is_known)(const struct description *end))
{
	for (uint32_t i = 0; i < ends->count; i++)
		if (!is_known(ends->end[i]))
			return false;
	return true;
}

int unix_ends_tell(const struct unix_ends *ends, bool (*is_known)(const struct description *end),
		   int (*each)(void *ctx, uint32_t inode, uint32_t peer), void *ctx)
{
	int r = 0;

	assert(each && is_known);
	for (int lists = 0; lists < LISTS_MAX && r == 0; lists++) {
		r = os_unix_pair_each(each, ctx);
		if (are_known(ends, is_known))
			break;
	}
	return r;
}

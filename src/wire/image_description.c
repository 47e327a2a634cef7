/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/image_description.h"

#include "wire/image.h"

bool image_description_ok(const struct image_description *description)
{
	return description->id && description->kind && description->kind < IMAGE_DESCRIPTION_KINDS;
}

bool image_contents_ok(const struct image_contents *contents, uint32_t length)
{
	return contents->length && contents->length <= IMAGE_CONTENTS_BYTES_MAX &&
	       length == sizeof(*contents) + contents->length;
}

bool image_fd_ok(const struct image_fd *fd)
{
	return fd->number >= 0 && fd->description && fd->cloexec <= 1;
}

bool image_lock_ok(const struct image_lock *lock)
{
	bool is_range = lock->start <= INT64_MAX && lock->length <= INT64_MAX - lock->start;

	return lock->number >= 0 && lock->owner && lock->owner < IMAGE_LOCK_OWNERS &&
	       lock->exclusive <= 1 && lock->awaited >= -1 && is_range;
}

bool image_owner_ok(const struct image_owner *owner)
{
	return owner->number >= 0 && owner->type < IMAGE_OWNER_TYPES && owner->vpid >= 0 &&
	       owner->signal <= IMAGE_SIGNALS && owner->async <= 1;
}

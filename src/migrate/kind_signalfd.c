/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor that signals are read from: its mask. The signals that can be read are those that are pending for
 * the process or its threads, which are carried as such.
 */
#include "migrate/kind.h"

#include <string.h>

#include "dvk/errors.h"
#include "os/open.h"
#include "os/signalfd.h"
#include "os/socket.h"

#define LINK "anon_inode:[signalfd]"

static uint64_t mask_of(const struct image_description *image)
{
	uint64_t mask;

	memcpy(&mask, image->body, sizeof(mask));
	return mask;
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	uint64_t mask;

	if (strcmp(seen->link, LINK) != 0)
		return 0;
	if (!os_signalfd_parse(seen->info, &mask))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a signalfd open (descriptor %d) whose signals "
				   "cannot be seen, so that it cannot move",
				   seen->number);
	memcpy(image->body, &mask, sizeof(mask));
	return 1;
}

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	(void)image, (void)files, (void)before, (void)complete;
	return true; /* the kernel takes every mask */
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	int fd = os_signalfd_new(mask_of(&description->image));
	int r = fd < 0 ? fd : os_open_set_flags(fd, description->image.flags);

	(void)restore;
	if (r == 0)
		return fd;
	os_close(fd);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make a signalfd of the process: %s", strerror(-r));
}

const struct kind kind_signalfd = {
	.name = "a signalfd",
	.common = "is also open in",
	.remedy = "",
	.never_ends = true,
	.tells_its_asker = true,
	.find = find,
	.read = read_body,
	.open = open_here,
	.shared = KIND_SHARE_DESCRIPTION, /* each of them can change the mask */
};

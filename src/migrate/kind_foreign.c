/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that the host knows as its own: the node's pages and pipes. Those of the target take their place. */
#include "migrate/kind.h"

#include <string.h>

#include "migrate/restore.h"
#include "os/inode.h"

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	const struct migrate_host *host = seen->host;
	struct foreign_name name;

	(void)refusal;
	if (!host->identify ||
	    !host->identify(host->ctx, seen->status->device, seen->status->inode, &name))
		return 0;
	memcpy(image->body, name.bytes, sizeof(name.bytes));
	return 1;
}

_Static_assert(sizeof(struct foreign_name) <= IMAGE_BODY_BYTES, "the name is the body");

static bool read_any(const struct image_description *image, const struct files *files,
		     const struct descriptions *before, bool complete)
{
	(void)image, (void)files, (void)before, (void)complete;
	return true; /* only the host reads the name */
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	return restore_open_foreign(restore, description->image.body, refusal);
}

const struct kind kind_foreign = {
	.name = "a page or pipe of the node",
	.find = find,
	.read = read_any,
	.open = open_here,
	.shared = KIND_SHARE_FREE,
};

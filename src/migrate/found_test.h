/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_FOUND_TEST_H
#define DVS_MIGRATE_FOUND_TEST_H

/*
 * For tests of kinds: descriptors of this very process, found and completed as the source does it with those of another
 * process. Include this after base/test.h.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "migrate/kind.h"
#include "os/inode.h"
#include "os/procdir.h"

struct found {
	struct descriptions *all; /* each that is found is added */
	struct files *files;	  /* NULL: the kind refers to none */
	struct refusal *refusal;
	const char *info; /* of each, as fdinfo has it; NULL: empty */
	bool stands;	  /* the process does */
};

/* The descriptor that /proc shows as a link to this: 1 if it is of the image_description_kind, or as find() has it. */
TEST_LOOKS_UNUSED static int found_add(const struct found *found, uint32_t kind, int fd,
				       const char *link)
{
	struct image_description image = { .kind = kind,
					   .id = found->all->count + 1,
					   .flags = (uint32_t)fcntl(fd, F_GETFL) };
	static struct files no_files;
	struct os_status status;
	char entry[32];
	int dir = procdir_open(getpid());

	snprintf(entry, sizeof(entry), "fd/%d", fd);
	CHECK_EQ(os_status(fd, &status), 0);
	const struct kind_seen seen = { .pid = getpid(),
					.dir = dir,
					.number = fd,
					.entry = entry,
					.link = link,
					.status = &status,
					.socket = strncmp(link, "socket:[", 8) == 0 ? fd : -1,
					.info = found->info ? found->info : "",
					.files = found->files ? found->files : &no_files,
					.stands = found->stands };
	int r = kind_of(kind)->find(&seen, &image, found->refusal);

	close(dir);
	if (r != 1)
		return r;
	struct description *description = descriptions_add(found->all, &image, kind_of(image.kind));

	description->pid = getpid();
	description->number = fd;
	description->inode = status.inode;
	description->device = status.device;
	return r;
}

/* All of them: the source checks and sends them, the target reads them in the offer and after it. 0 or a refusal. */
TEST_LOOKS_UNUSED static int found_complete(const struct found *found)
{
	const struct kind_frozen frozen = { .pid = getpid(), .descriptions = found->all };
	int r = 0;

	for (uint32_t i = 0; i < found->all->count && r == 0; i++) {
		struct description *one = &found->all->description[i];
		const struct kind *kind = one->kind;

		r = kind->check(getpid(), found->all, one, found->refusal);
		if (r == 0)
			CHECK(kind->read(&one->image, found->files, found->all, false));
		if (r == 0)
			r = kind->write(&frozen, one, found->refusal);
		if (r == 0)
			CHECK(kind->read(&one->image, found->files, found->all, true));
	}
	return r;
}

#endif

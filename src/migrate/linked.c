/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/linked.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "os/inode.h"
#include "os/open.h"
#include "os/procdir.h"
#include "os/socket.h"

#define NAMES_MAX 10000

struct search {
	const struct os_status *wanted;
	int folder;
	unsigned names; /* that were looked at */
	char *name;	/* of IMAGE_PATH_MAX bytes; has the folder so far */
	size_t length;
};

/* 1: it is found, -1: there are too many. */
static int compare(void *ctx, const char *name)
{
	struct search *search = ctx;
	struct os_inode inode;

	if (++search->names > NAMES_MAX)
		return -1;
	if (os_inode_at(search->folder, name, &inode) < 0 || inode.ino != search->wanted->inode ||
	    inode.dev != search->wanted->device)
		return 0;
	size_t room = IMAGE_PATH_MAX - search->length;
	int length = snprintf(search->name + search->length, room, "%s", name);

	return length > 0 && (size_t)length < room;
}

bool linked_name(const struct files *files, int dir, const char *path,
		 const struct files_object *object, char other[IMAGE_PATH_MAX])
{
	struct os_status status;
	const char *end = strrchr(path, '/');
	size_t length = end ? (size_t)(end - path) + 1 : 0;

	assert(object->link);
	if (path[0] != '/' || length >= IMAGE_PATH_MAX ||
	    os_status_at(dir, object->link, &status) < 0 || status.inode != object->inode ||
	    status.links == 0 || (status.mode & OS_MODE_KIND) != OS_MODE_FILE)
		return false;
	snprintf(other, IMAGE_PATH_MAX, "%.*s", (int)length, path);
	struct search search = { .wanted = &status, .name = other, .length = length };

	search.folder = files_open(files, dir, other, OS_OPEN_READ | OS_OPEN_FOLDER);
	if (search.folder < 0)
		return false;
	int r = procdir_each(search.folder, ".", compare, &search);

	os_close(search.folder);
	return r == 1;
}

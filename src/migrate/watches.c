/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/watches.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "os/inode.h"
#include "os/open.h"
#include "os/socket.h"

/* "\040" stands for a blank, and so on. */
static bool unescape(const char *text, size_t length, char path[IMAGE_PATH_MAX])
{
	size_t used = 0;

	assert(text);
	for (size_t i = 0; i < length; used++) {
		unsigned octal;

		if (used == IMAGE_PATH_MAX - 1)
			return false;
		if (text[i] == '\\' && i + 4 <= length &&
		    sscanf(text + i + 1, "%3o", &octal) == 1) {
			path[used] = (char)octal;
			i += 4;
		} else {
			path[used] = text[i++];
		}
	}
	path[used] = 0;
	return true;
}

/* "36 35 98:0 /root/of/it /mount/point options ..." */
bool watches_mount_of(const char *line, uint32_t device_major, uint32_t device_minor,
		      char path[IMAGE_PATH_MAX])
{
	unsigned number[2];
	int point = 0;

	if (sscanf(line, "%*u %*u %u:%u %*s %n", &number[0], &number[1], &point) != 2 || !point ||
	    number[0] != device_major || number[1] != device_minor)
		return false;
	return unescape(line + point, strcspn(line + point, " \n"), path);
}

/* Whether the process finds that very file by this path. */
static bool leads_to(int root, const char *path, const struct os_status *wanted)
{
	struct os_status status;
	int fd = os_open_below(root, path, OS_OPEN_PATH);
	bool same = fd >= 0 && os_status(fd, &status) == 0 && status.device == wanted->device &&
		    status.inode == wanted->inode;

	assert(root >= 0);
	os_close(fd);
	return same;
}

/* The path of an open file, if it leads to that file again. */
static int path_of(int root, int fd, uint64_t inode, char path[IMAGE_PATH_MAX])
{
	struct os_status status;
	char name[40];
	assert(fd >= 0);
	int r = os_status(fd, &status);

	assert(root >= 0 && fd >= 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (r == 0)
		r = (int)procdir_link(OS_FOLDER_CURRENT, name, path, IMAGE_PATH_MAX);
	if (r < 0)
		return r;
	return path[0] == '/' && status.inode == inode && leads_to(root, path, &status) ? 0
											: -ENOENT;
}

/* The file as it is seen from that mount of its file system. */
static int find_at(int root, const char *mount, const struct os_inotify_watch *watch,
		   char path[IMAGE_PATH_MAX])
{
	int at = os_open_below(root, mount, OS_OPEN_READ | OS_OPEN_FOLDER);
	int fd = at < 0 ? at : os_inotify_open(watch, at);
	int r = fd < 0 ? fd : path_of(root, fd, watch->inode, path);

	os_close(fd);
	os_close(at);
	return r;
}

int watches_path(struct watches_look *look, const struct os_inotify_watch *watch,
		 char path[IMAGE_PATH_MAX])
{
	char mount[IMAGE_PATH_MAX];
	int r = look->mounts.text ? 0 : procdir_read(look->dir, "mountinfo", &look->mounts);
	int root = r ? r : os_open_at(look->dir, "root", OS_OPEN_PATH | OS_OPEN_FOLDER);

	if (root < 0)
		return root;
	assert(look->mounts.text);
	r = -ENOENT;
	for (const char *line = look->mounts.text; *line && r;) {
		if (watches_mount_of(line, watch->device_major, watch->device_minor, mount))
			r = find_at(root, mount, watch, path);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	os_close(root);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "os/stage.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *skip_slashes(const char *path)
{
	return path + strspn(path, "/");
}

bool os_stage_takes(const char *path)
{
	const char *part = skip_slashes(path), *end = NULL;

	while (*part) {
		size_t length = strcspn(part, "/");

		end = part + length;
		if ((length == 1 && part[0] == '.') ||
		    (length == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		part = skip_slashes(end);
	}
	return end && !*end && strlen(path) < PATH_MAX / 2;
}

static int make_folders(int stage, const char *path)
{
	char part[PATH_MAX];
	const char *below = skip_slashes(path);

	assert(os_stage_takes(path));
	for (const char *slash = strchr(below, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - below), below);
		if (mkdirat(stage, part, 0700) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int os_stage_make(int folder, const char *name, const char *path)
{
	assert(!strchr(name, '/')); /* it is one folder */
	if (mkdirat(folder, name, 0700))
		return -errno;
	int stage = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = stage < 0 ? -errno : make_folders(stage, path);

	if (r == 0)
		return stage;
	if (stage >= 0)
		close(stage);
	os_stage_remove(folder, name, path);
	return r;
}

int os_stage_own(int stage, const char *path, uint32_t uid, uint32_t gid, uint32_t rights)
{
	const char *below = skip_slashes(path);

	assert(stage >= 0 && os_stage_takes(path));
	if (fchownat(stage, below, uid, gid, AT_SYMLINK_NOFOLLOW) ||
	    fchmodat(stage, below, rights, 0))
		return -errno;
	return 0;
}

static void join(char full[PATH_MAX], const char *name, const char *path)
{
	snprintf(full, PATH_MAX, "%s/%s", name, skip_slashes(path));
}

int os_stage_place(int folder, const char *name, const char *path)
{
	const char *last = strrchr(path, '/');
	char full[PATH_MAX];

	assert(folder >= 0 && os_stage_takes(path));
	join(full, name, path);
	return renameat(folder, full, folder, last ? last + 1 : path) ? -errno : 0;
}

void os_stage_remove(int folder, const char *name, const char *path)
{
	char full[PATH_MAX], *slash;

	assert(folder >= 0);
	join(full, name, path);
	unlinkat(folder, full, 0);
	while ((slash = strrchr(full, '/'))) {
		*slash = '\0';
		unlinkat(folder, full, AT_REMOVEDIR);
	}
}

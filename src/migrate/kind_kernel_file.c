/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in which the kernel tells of itself or of a process that moves (/proc, /sys), open for reading: opened again by
 * their name, at the same position. From there on, the process reads the words of the target's kernel. The init of the
 * container is on the target, too, and so are the namespaces that the process is in.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/restore.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/rights.h"
#include "os/socket.h"

#define PROC   "/proc"
#define SYS    "/sys/"
#define DIGITS "0123456789"
#define INIT   1

struct kernel_file_body {
	int64_t position;
};

/* Below /proc/PID, for any process that moves; those of a thread are not there yet when descriptors are made. */
static const char *const of_process[] = {
	"",
	"/auxv",
	"/cgroup",
	"/cmdline",
	"/comm",
	"/coredump_filter",
	"/environ",
	"/fd",
	"/fdinfo",
	"/io",
	"/limits",
	"/loginuid",
	"/maps",
	"/mountinfo",
	"/mounts",
	"/mountstats",
	"/numa_maps",
	"/oom_adj",
	"/oom_score",
	"/oom_score_adj",
	"/personality",
	"/sched",
	"/schedstat",
	"/sessionid",
	"/smaps",
	"/smaps_rollup",
	"/stat",
	"/statm",
	"/status",
	"/syscall",
	"/task",
	"/wchan",
};

/* Below /proc. */
static const char *const of_kernel[] = {
	"",	      "/buddyinfo",    "/cgroups",    "/cmdline",
	"/consoles",  "/cpuinfo",      "/crypto",     "/devices",
	"/diskstats", "/filesystems",  "/interrupts", "/iomem",
	"/ioports",   "/loadavg",      "/meminfo",    "/misc",
	"/modules",   "/pagetypeinfo", "/partitions", "/schedstat",
	"/softirqs",  "/stat",	       "/swaps",      "/uptime",
	"/version",   "/vmallocinfo",  "/vmstat",     "/zoneinfo",
};

/* Of a namespace: "net:[4026531840]". The link is not a path. */
static const char *const of_namespaces[] = { "cgroup", "ipc",  "mnt",  "net",
					     "pid",    "time", "user", "uts" };

/* The name of its kind, or NULL: it is of no namespace. */
static const char *namespace_of(const char *link)
{
	size_t count = sizeof(of_namespaces) / sizeof(of_namespaces[0]);

	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(of_namespaces[i]);

		if (strncmp(link, of_namespaces[i], length) == 0 &&
		    strncmp(link + length, ":[", 2) == 0)
			return of_namespaces[i];
	}
	return NULL;
}

static bool is_listed(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* Whether a file of that name is opened again; number: of the process that it tells of, 0: none. */
static bool is_carried(const char *path, int32_t *number)
{
	*number = 0;
	if (namespace_of(path))
		return true;
	if (strncmp(path, SYS, strlen(SYS)) == 0)
		return !strstr(path, "/../") && strlen(path) < IMAGE_PATH_MAX;
	if (strncmp(path, PROC, strlen(PROC)) != 0)
		return false;
	const char *name = path + strlen(PROC);
	size_t digits = *name == '/' ? strspn(name + 1, DIGITS) : 0;

	if (!digits)
		return (strncmp(name, "/sys/", 5) == 0 && !strstr(name, "/../")) ||
		       is_listed(name, of_kernel, sizeof(of_kernel) / sizeof(of_kernel[0]));
	long value = digits < 10 ? strtol(name + 1, NULL, 10) : 0;

	*number = (int32_t)value;
	name += 1 + digits;
	return value > 0 &&
	       (strncmp(name, "/net/", 5) == 0
			? !strchr(name + 5, '/')
			: is_listed(name, of_process, sizeof(of_process) / sizeof(of_process[0])));
}

/* ---- source ---- */

static bool is_of_kernel(const struct kind_seen *seen)
{
	static const unsigned long known[] = { 0x9fa0 /* proc */, 0x62656572 /* sysfs */,
					       0x63677270 /* cgroup2 */, 0x27e0eb /* cgroup */,
					       0x6e736673 /* nsfs */ };
	unsigned long type = 0;
	int fd = os_open_at(seen->dir, seen->entry, OS_OPEN_PATH);
	int r = fd < 0 ? fd : os_file_system(fd, &type);

	os_close(fd);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (r == 0 && type == known[i])
			return true;
	return false;
}

static bool moves(const struct kind_seen *seen, int32_t number)
{
	assert(number > 0);
	bool found = number == INIT || os_pid_innermost(seen->pid) == number;

	for (uint32_t i = 0; i < seen->process_count && !found; i++)
		found = os_pid_innermost(seen->process[i].pid) == number;
	return found;
}

/* Whether the numbers in the /proc of the process are those of its own pid namespace, which the target has as well. */
static bool has_own_numbers(const struct kind_seen *seen)
{
	struct os_status ours, theirs;

	return os_status_at(OS_FOLDER_CURRENT, PROC, &ours) == 0 &&
	       os_status_at(files_seer(seen->files, seen->dir), "root" PROC, &theirs) == 0 &&
	       ours.device != theirs.device && theirs.device == seen->status->device;
}

/* Another one than that which the process is in may not be on the target. */
static bool is_in(const struct kind_seen *seen, const char *kind)
{
	char name[16], link[64];

	snprintf(name, sizeof(name), "ns/%s", kind);
	return procdir_link(seen->dir, name, link, sizeof(link)) > 0 &&
	       strcmp(link, seen->link) == 0;
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	const struct kernel_file_body body = {
		.position = (int64_t)procdir_number(seen->info, "pos", 10, 0),
	};
	uint32_t kind = seen->status->mode & OS_MODE_KIND;
	int32_t number;

	assert(seen->link && seen->info);
	(void)refusal;
	if ((kind != OS_MODE_FILE && kind != OS_MODE_FOLDER) || image->flags & OS_OPEN_PATH ||
	    (image->flags & OS_OPEN_ACCESS) != OS_OPEN_READ || !is_carried(seen->link, &number) ||
	    !is_of_kernel(seen))
		return 0;
	if (number && (!moves(seen, number) || !has_own_numbers(seen)))
		return 0;
	if (namespace_of(seen->link) && !is_in(seen, namespace_of(seen->link)))
		return 0;
	memcpy(image->body, &body, sizeof(body));
	return 1;
}

/* The contents are its name. */
static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	char name[32], link[IMAGE_PATH_MAX];
	int dir = procdir_open(frozen->pid);

	contents_free(&description->contents);
	snprintf(name, sizeof(name), "fd/%d", description->number);
	int r = dir < 0 ? dir : (int)procdir_link(dir, name, link, sizeof(link));

	os_close(dir);
	if (r > 0)
		r = contents_append(&description->contents, link, (uint32_t)r);
	return r == 0 ? 0
		      : refusal_set(refusal, EDVSPROCSTS,
				    "the file of descriptor %d cannot be looked at: %s",
				    description->number, strerror(-r));
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	(void)files, (void)before, (void)complete;
	return (image->flags & OS_OPEN_ACCESS) == OS_OPEN_READ && !(image->flags & OS_OPEN_PATH);
}

static bool read_path(const struct description *description, char path[IMAGE_PATH_MAX],
		      int32_t *number)
{
	uint32_t at = 0, length;
	const uint8_t *piece = contents_next(&description->contents, &at, &length);

	if (!piece || length >= IMAGE_PATH_MAX || memchr(piece, 0, length))
		return false;
	memcpy(path, piece, length);
	path[length] = '\0';
	return is_carried(path, number) && !contents_next(&description->contents, &at, &length);
}

static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	char path[IMAGE_PATH_MAX];
	int32_t number;

	(void)all, (void)descriptors;
	return read_path(description, path, &number);
}

/* A file that tells of the kernel is opened with the rights of the process. */
static int open_path(struct restore *restore, const char *path, int32_t number, uint32_t flags)
{
	const struct image_opener *opener = &restore->picture.process.opener;
	const struct os_rights_wanted wanted = { opener->uid, opener->gid, opener->effective,
						 opener->group, opener->group_count };
	uint32_t wanted_flags = (flags & (OS_OPEN_ACCESS | OS_OPEN_NONBLOCK)) | OS_OPEN_READ;
	struct os_rights *rights;

	assert(number >= 0);
	if (namespace_of(path)) {
		char name[16];

		snprintf(name, sizeof(name), "ns/%s", namespace_of(path));
		return os_open_at(restore->dir, name, wanted_flags);
	}
	if (number &&
	    number != INIT) /* it has not the process's rights yet, and is no stranger's */
		return os_open_below(restore->root, path, wanted_flags);
	int r = os_rights_assume(&rights, &wanted);

	if (r < 0)
		return r;
	r = os_open_below(restore->root, path, wanted_flags);
	os_rights_give_back(rights);
	return r;
}

static bool is_member(struct restore *restore, int32_t number)
{
	return number == INIT || number == restore->picture.process.vpid ||
	       (restore->member && restore->member(restore->tree, number));
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	struct kernel_file_body body;
	char path[IMAGE_PATH_MAX];
	int32_t number = 0;
	bool good = read_path(description, path, &number);

	assert(good); /* whole() saw to it */
	(void)good;
	memcpy(&body, description->image.body, sizeof(body));
	if (number && !is_member(restore, number))
		return refusal_set(refusal, EDVSIO, "the image is damaged: its files");
	int fd = open_path(restore, path, number, description->image.flags);
	int r = fd < 0 ? fd : os_open_set_flags(fd, description->image.flags);

	if (r == 0 && body.position)
		r = os_seek(fd, body.position);
	if (r == 0)
		return fd;
	if (fd >= 0)
		os_close(fd);
	return refusal_set(refusal, EDVSNOENT,
			   "the target cannot open %s, which the process has "
			   "open: %s",
			   path, strerror(-r));
}

const struct kind kind_kernel_file = {
	.name = "a file of the kernel's",
	.common = "has one position with",
	.remedy = ", or let each open the file itself",
	.find = find,
	.write = complete,
	.read = read_body,
	.whole = whole,
	.open = open_here,
	.shared = KIND_SHARE_DESCRIPTION,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches of files and folders. On the machine that it came from the target takes over the very instance, with the
 * events that nobody has read and those that come while the process moves. On another machine each watch is made anew
 * with its number; events that wait cannot be put into the new instance, for the kernel alone makes them.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/restore.h"
#include "migrate/takeover.h"
#include "migrate/watches.h"
#include "os/inode.h"
#include "os/inotify.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"

#define LINK	   "anon_inode:inotify"
#define NUMBER_MAX 1000000 /* numbers are counted up to: a microsecond or two each */
#define PIECE	   ((uint32_t)(IMAGE_CONTENTS_BYTES_MAX / sizeof(struct image_watch)))

struct inotify_body {
	struct takeover takeover;
	uint32_t watches;
	uint32_t bytes; /* of events that nobody has read */
};
_Static_assert(sizeof(struct inotify_body) <= IMAGE_BODY_BYTES, "body");

static struct inotify_body body_of(const struct image_description *image)
{
	struct inotify_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

/* ---- source ---- */

static int refuse_watches(int number, int r, struct refusal *refusal)
{
	if (r == -EDEADLK)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process watches a file (inotify, descriptor %d) that was "
				   "deleted, and which is open still: on the target it is another "
				   "one, which the watch does not see",
				   number);
	if (r == -ERANGE)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has had more than a million watches (inotify, "
				   "descriptor %d): their numbers cannot be given again",
				   number);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the watches of the process (inotify, descriptor %d) cannot be seen: %s",
			   number, strerror(-r));
}

/* The very instance that is taken over on its machine has such a watch; another one could not get it. */
static bool is_nameless(int r)
{
	return r == -ENOENT || r == -ESTALE || r == -EOPNOTSUPP || r == -EPERM;
}

/* The path is what the process would open: one FILE record for each watched file that has one. */
static int add_file(const struct kind_seen *seen, struct watches_look *look,
		    const struct os_inotify_watch *watch, struct refusal *refusal)
{
	const struct files_object object = { "", 0, watch->inode };
	char path[IMAGE_PATH_MAX];
	assert(watch->number > 0); /* os_inotify_next() saw to it */
	int r = watch->number > NUMBER_MAX ? -ERANGE : watches_path(look, watch, path);

	if (r)
		return is_nameless(r) ? 0 : refuse_watches(seen->number, r, refusal);
	int id = files_add(seen->files, seen->dir, path, &object, 0, refusal);

	return id < 0 ? id : 0;
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	struct watches_look look = { .dir = files_seer(seen->files, seen->dir) };
	struct inotify_body body = { .watches = 0 };
	const char *at = seen->info;
	struct os_inotify_watch watch;
	int r;

	if (strcmp(seen->link, LINK) != 0)
		return 0;
	while ((r = os_inotify_next(&at, &watch)) == 1) {
		r = add_file(seen, &look, &watch, refusal);
		if (r)
			break;
		body.watches++;
	}
	procdir_text_free(&look.mounts);
	if (r == -EPROTO)
		r = refuse_watches(seen->number, r, refusal);
	memcpy(image->body, &body, sizeof(body));
	return r ? r : 1;
}

static int by_number(const void *a, const void *b)
{
	const struct image_watch *one = a, *other = b;

	return (one->number > other->number) - (one->number < other->number);
}

/* On the target a deleted file that the processes have open is another one, which the watch would not see. */
static bool is_deleted(const struct files *files, const struct os_inotify_watch *watch)
{
	const uint64_t device = os_device(watch->device_major, watch->device_minor);

	for (uint32_t i = 0; i < files->count; i++) {
		const struct image_file *file = &files->file[i].image;

		if (file->use & IMAGE_FILE_DELETED && file->inode == watch->inode &&
		    file->device == device)
			return true;
	}
	return false;
}

/* The watches as they are now, whose files find() has added. Returns how many. */
static int read_watches(const struct kind_frozen *frozen, const char *info,
			struct image_watch *found, uint32_t room)
{
	assert(frozen->files);
	struct watches_look look = { .dir = files_seer(frozen->files, frozen->dir) };
	struct os_inotify_watch watch;
	char path[IMAGE_PATH_MAX];
	uint32_t count = 0;
	int r;

	while ((r = os_inotify_next(&info, &watch)) == 1) {
		r = count == room ? -E2BIG : watches_path(&look, &watch, path);
		if (r && is_nameless(r) && is_deleted(frozen->files, &watch))
			r = -EDEADLK;
		if (r && !is_nameless(r))
			break;
		found[count++] = (struct image_watch){
			.number = watch.number,
			.mask = watch.mask,
			.file = r ? 0 : files_id_of(frozen->files, path, watch.inode),
		};
	}
	procdir_text_free(&look.mounts);
	if (count)
		qsort(found, count, sizeof(*found), by_number);
	return r ? r : (int)count;
}

static int take(const struct kind_frozen *frozen, struct description *description, const char *info,
		uint32_t *count)
{
	struct image_watch *found = calloc((size_t)*count + 1, sizeof(*found));
	int r = found ? read_watches(frozen, info, found, *count) : -ENOMEM;

	assert(r <= (int)*count);
	*count = r < 0 ? 0 : (uint32_t)r;
	for (uint32_t i = 0; i < *count && r >= 0; i += PIECE) {
		uint32_t left = *count - i, part = left < PIECE ? left : PIECE;

		r = contents_append(&description->contents, &found[i],
				    part * (uint32_t)sizeof(*found));
	}
	free(found);
	return r < 0 ? r : 0;
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	struct inotify_body body = body_of(&description->image);
	struct procdir_text info = { 0 };
	char name[32];
	int fd = os_pid_descriptor(frozen->pid, description->number);
	int r = fd < 0 ? fd : os_inotify_bytes(fd);

	os_close(fd);
	contents_free(&description->contents);
	body.bytes = r > 0 ? (uint32_t)r : 0;
	body.takeover = takeover_of(frozen->pid, description->number);
	snprintf(name, sizeof(name), "fdinfo/%d", description->number);
	if (r >= 0)
		r = procdir_read(frozen->dir, name, &info);
	if (r == 0)
		r = take(frozen, description, info.text, &body.watches);
	procdir_text_free(&info);
	memcpy(description->image.body, &body, sizeof(body));
	return r ? refuse_watches(description->number, r, refusal) : 0;
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	(void)files, (void)before, (void)complete;
	return !(image->flags & OS_OPEN_PATH);
}

/* Calls each(ctx, watch) for the watches; the first result that is not 0. */
static int each_watch(const struct description *description,
		      int (*each)(void *ctx, const struct image_watch *watch), void *ctx)
{
	uint32_t at = 0, length;
	const uint8_t *piece;
	int r = 0;

	while (r == 0 && (piece = contents_next(&description->contents, &at, &length))) {
		r = length % sizeof(struct image_watch) ? -EBADMSG : 0;
		for (uint32_t i = 0; r == 0 && i < length / sizeof(struct image_watch); i++) {
			struct image_watch watch;

			memcpy(&watch, piece + i * sizeof(watch), sizeof(watch));
			r = each(ctx, &watch);
		}
	}
	return r;
}

struct order {
	int last; /* number */
	uint32_t count;
};

static int is_misplaced(void *ctx, const struct image_watch *watch)
{
	struct order *order = ctx;
	bool good = watch->number > order->last && watch->number <= NUMBER_MAX;

	order->last = watch->number;
	order->count++;
	return !good;
}

static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	struct order order = { 0 };

	(void)all, (void)descriptors;
	return each_watch(description, is_misplaced, &order) == 0 &&
	       order.count == body_of(&description->image).watches;
}

struct making {
	struct restore *restore;
	struct refusal *refusal;
	int fd;
	int next;
	bool set; /* the watches have their numbers, and get their masks */
};

static int make_one(void *ctx, const struct image_watch *watch)
{
	struct making *making = ctx;
	const struct file *file = files_find(&making->restore->picture.tables->files, watch->file);

	if (!watch->file)
		return refusal_set(making->refusal, EDVSPROCSTS,
				   "the process watches a file (inotify, watch %d) that has no "
				   "name in its container, or of which the kernel does not tell "
				   "the name: another machine has no way to it",
				   watch->number);
	if (!file || file->image.use & (IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED))
		return refusal_set(making->refusal, EDVSIO,
				   "the image is damaged: it watches a file that is not there");
	int object = restore_open_file(making->restore, file, OS_OPEN_PATH, making->refusal);

	if (object < 0)
		return object;
	int r = making->set ? os_inotify_set(making->fd, object, watch->mask)
			    : os_inotify_add(making->fd, object, watch->number, &making->next);

	os_close(object);
	return r ? refusal_set(making->refusal, EDVSPROCSTS,
			       "the target cannot watch %s as the process does (inotify): %s",
			       file->path, strerror(-r))
		 : 0;
}

/* The numbering makes events, which are read and forgotten. No watch makes others before all have their numbers. */
static int make(struct restore *restore, const struct description *description,
		struct refusal *refusal)
{
	struct making making = {
		.restore = restore, .refusal = refusal, .fd = os_inotify_new(), .next = 1
	};
	int r = making.fd < 0 ? making.fd : 0;

	assert(!refusal->error);
	if (r == 0)
		r = os_open_set_flags(making.fd, description->image.flags | OS_OPEN_NONBLOCK);
	if (r)
		refusal_set(refusal, EDVSPROCSTS,
			    "the target cannot make an inotify instance of the process: %s",
			    strerror(-r));
	if (r == 0)
		r = each_watch(description, make_one, &making);
	making.set = true;
	if (r == 0)
		r = each_watch(description, make_one, &making);
	if (r == 0)
		r = os_open_set_flags(making.fd, description->image.flags);
	if (r == 0)
		return making.fd;
	os_close(making.fd);
	return refusal->error ? refusal->error : r;
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	const struct inotify_body body = body_of(&description->image);
	int fd = takeover_open(restore, &body.takeover, description->image.flags);

	if (fd >= 0) {
		description->is_taken_over = true;
		return fd;
	}
	if (body.bytes)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"events of watched files (inotify) wait that the process has not "
			"read, and the target's kernel takes none from another one; try "
			"again");
	return make(restore, description, refusal);
}

const struct kind kind_inotify = {
	.name = "an inotify instance",
	.common = "is also open in",
	.remedy = "",
	.never_ends = true,
	.find = find,
	.write = complete,
	.read = read_body,
	.whole = whole,
	.open = open_here,
	.shared = KIND_SHARE_DESCRIPTION, /* each of them can read events and change watches */
};

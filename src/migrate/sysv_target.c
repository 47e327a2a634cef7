/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/sysv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/ipc_space.h"

static int fill_semaphores(const struct sysv_object *object)
{
	const struct image_sysv *image = &object->image;
	uint16_t values[IMAGE_SEMAPHORES_MAX];
	uint32_t at = 0, length;
	const uint8_t *piece = contents_next(&object->contents, &at, &length);

	if (!piece)
		return -EBADMSG;
	assert(length == image->count * sizeof(*values)); /* object_records.c saw to it */
	memcpy(values, piece, length);
	return os_sysv_set_values(image->id, values, image->flags & IMAGE_SYSV_USED);
}

static int fill_queue(const struct sysv_object *object)
{
	uint32_t at = 0, length;
	const uint8_t *piece;
	int r = 0;

	while (r == 0 && (piece = contents_next(&object->contents, &at, &length))) {
		struct image_message message;

		assert(length >= sizeof(message));
		memcpy(&message, piece, sizeof(message));
		r = os_sysv_send(object->image.id, message.type, piece + sizeof(message),
				 length - sizeof(message));
	}
	return r;
}

static int make_one(struct sysv_object *object)
{
	const struct image_sysv *image = &object->image;
	const struct os_sysv_object wanted = {
		.kind = (enum os_sysv)image->kind,
		.id = image->id,
		.key = image->key,
		.mode = image->mode,
		.uid = image->uid,
		.gid = image->gid,
		.cuid = image->cuid,
		.cgid = image->cgid,
		.bytes = image->bytes,
		.count = image->count,
	};
	assert(!object->made);
	int r = os_sysv_make(&wanted);

	object->made = r == 0;
	if (r == 0 && image->kind == OS_SYSV_SEMAPHORES)
		r = fill_semaphores(object);
	if (r == 0 && image->kind == OS_SYSV_QUEUE)
		r = fill_queue(object);
	return r;
}

static int refuse_space(int r, struct refusal *refusal)
{
	assert(r < 0);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the IPC namespace of the container cannot be entered on the target: %s",
			   strerror(-r));
}

int sysv_space(struct sysv *sysv, int dir)
{
	int space = sysv->space > 0 ? sysv->space : os_ipc_space_open(dir);

	if (space > 0)
		sysv->space = space;
	return space;
}

int sysv_make(struct sysv *sysv, int dir, struct refusal *refusal)
{
	char name[SYSV_NAME_BYTES];
	int r = 0;

	if (!sysv->count)
		return 0;
	assert(!sysv->space);
	int space = sysv_space(sysv, dir);
	int back = space < 0 ? space : os_ipc_space_enter(space);

	if (back < 0)
		return refuse_space(back, refusal);
	for (uint32_t i = 0; i < sysv->count && r == 0; i++) {
		struct sysv_object *object = &sysv->object[i];

		r = make_one(object);
		if (r < 0)
			r = refusal_set(refusal, EDVSPROCSTS,
					"%s of the process cannot be made on the target: %s",
					sysv_name(&object->image, name),
					r == -EEXIST ? "its number or key is taken there"
						     : strerror(-r));
	}
	os_ipc_space_leave(back);
	return r;
}

static int refuse_lock(const struct sysv_object *object, int r, struct refusal *refusal)
{
	char name[SYSV_NAME_BYTES];

	assert(r < 0);
	return refusal_set(refusal, EDVSPROCSTS,
			   "%s of the process cannot be locked on the target (SHM_LOCK): %s",
			   sysv_name(&object->image, name), strerror(-r));
}

int sysv_settle(struct sysv *sysv, struct refusal *refusal)
{
	int back = sysv->count ? os_ipc_space_enter(sysv->space) : 0;
	int r = 0;

	if (!sysv->count)
		return 0;
	if (back < 0)
		return refuse_space(back, refusal);
	for (uint32_t i = 0; i < sysv->count && r == 0; i++) {
		struct sysv_object *object = &sysv->object[i];

		assert(object->made);
		if (object->image.flags & IMAGE_SYSV_LOCKED)
			r = os_sysv_lock(object->image.id);
		if (r < 0) {
			refuse_lock(object, r, refusal);
			break;
		}
		if (!(object->image.flags & IMAGE_SYSV_REMOVED))
			continue;
		r = os_sysv_remove(OS_SYSV_MEMORY, object->image.id);
		object->made = false;
	}
	os_ipc_space_leave(back);
	return r < 0 && !refusal->error ? refuse_space(r, refusal) : refusal->error;
}

void sysv_decided(struct sysv *sysv)
{
	for (uint32_t i = 0; i < sysv->count; i++)
		sysv->object[i].made = false;
}

void sysv_unmake(struct sysv *sysv)
{
	int back = -1;

	for (uint32_t i = 0; i < sysv->count; i++) {
		struct sysv_object *object = &sysv->object[i];

		if (object->made && back < 0)
			back = os_ipc_space_enter(sysv->space);
		if (object->made && back >= 0)
			os_sysv_remove((enum os_sysv)object->image.kind, object->image.id);
		object->made = false;
	}
	if (back >= 0)
		os_ipc_space_leave(back);
}

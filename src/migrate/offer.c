/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/offer.h"

#include "base/hash.h"
#include "dvk/errors.h"
#include "migrate/clocks.h"
#include "migrate/cpu.h"
#include "migrate/reopen.h"
#include "os/kernel.h"
#include "os/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIMER_IDS_QUERY 2 /* PR_TIMER_CREATE_RESTORE_IDS_GET */

/* Programs keep the addresses of its functions, so its contents must be the same, not its size. */
static int hash_vdso(pid_t pid, const struct maps *maps, uint64_t *hash)
{
	const struct image_special *vdso = maps_special(maps, "vdso");
	uint8_t *code;

	if (!vdso || vdso->length > 1 << 20)
		return -ENOENT;
	code = malloc(vdso->length);
	if (!code)
		return -ENOMEM;
	int result = trace_read(pid, vdso->start, code, vdso->length);

	if (result == 0)
		*hash = hash_bytes(HASH_SEED, code, vdso->length);
	free(code);
	return result;
}

int offer_write(const struct inventory *inventory, struct writer *writer, struct refusal *refusal)
{
	struct image_offer offer = {
		.magic = IMAGE_MAGIC,
		.version = IMAGE_VERSION,
		.page_bytes = IMAGE_PAGE,
		.vpid = inventory->process.vpid,
		.thread_count = inventory->thread_count,
		.special_count = inventory->maps.special_count,
		.needs = inventory->needs,
	};

	cpu_describe(&offer);
	clocks_describe(inventory->dir, &offer);
	memcpy(offer.special, inventory->maps.special, sizeof(offer.special));
	memcpy(offer.comm, inventory->comm, sizeof(offer.comm));
	files_boot_id(offer.boot_id);
	int result = hash_vdso(inventory->pid, &inventory->maps, &offer.vdso_hash);

	if (result < 0)
		return refusal_set_number(refusal, result == -ESRCH ? EDVSSRCH : EDVSPROCSTS,
					  "the process has no vdso, or it cannot be read: %s",
					  strerror(-result));
	writer_put(writer, IMAGE_OFFER, &offer, sizeof(offer));
	for (uint32_t i = 0; i < inventory->files.count; i++) {
		const struct file *file = &inventory->files.file[i];

		writer_put_two(writer, IMAGE_FILE, &file->image, sizeof(file->image), file->path,
			       file->image.path_length);
	}
	for (uint32_t i = 0; i < inventory->maps.count; i++)
		writer_put(writer, IMAGE_MAP, &inventory->maps.map[i], sizeof(struct image_map));
	result = writer_end(writer);
	if (result < 0)
		return refusal_set(refusal, EDVSIO, "the offer cannot be sent to the target: %s",
				   strerror(-result));
	return 0;
}

void offer_free(struct offer *offer)
{
	files_free(&offer->files);
	maps_free(&offer->maps);
}

static int take_record(struct offer *offer, const struct reader *reader, const void *payload)
{
	switch (reader->type) {
	case IMAGE_FILE:
		if (!image_file_ok(payload, reader->length) ||
		    offer->files.count == IMAGE_FILES_MAX)
			return -EBADMSG;
		return files_add_record(&offer->files, payload) < 0 ? -ENOMEM : 0;
	case IMAGE_MAP:
		if (!image_map_ok(payload) || offer->maps.count == IMAGE_MAPS_MAX)
			return -EBADMSG;
		return maps_append(&offer->maps, payload);
	default:
		return -EBADMSG;
	}
}

int offer_read(struct offer *offer, struct reader *reader, struct refusal *refusal)
{
	const void *payload;
	int result = reader_next(reader, &payload, refusal);

	if (result)
		return result;
	if (reader->type != IMAGE_OFFER || !image_offer_ok(payload))
		return refusal_set(refusal, EDVSIO,
				   "the source speaks another version of the image");
	memcpy(&offer->head, payload, sizeof(offer->head));
	while ((result = reader_next(reader, &payload, refusal)) == 0) {
		if (reader->type == IMAGE_END)
			break;
		result = take_record(offer, reader, payload);
		if (result < 0)
			return refusal_set(refusal, EDVSIO, "the source's offer is damaged: %s",
					   strerror(-result));
	}
	if (result)
		return result;
	memcpy(offer->maps.special, offer->head.special, sizeof(offer->head.special));
	offer->maps.special_count = offer->head.special_count;
	return 0;
}

static int compare_specials(const struct offer *offer, const struct maps *own,
			    struct refusal *refusal)
{
	for (uint32_t i = 0; i < offer->head.special_count; i++) {
		const struct image_special *there = &offer->head.special[i];
		const struct image_special *here = maps_special(own, there->name);

		if (!here || here->length != there->length)
			return refusal_set(
				refusal, EDVSPROCSTS,
				"the kernel's %s mapping differs on the target: both nodes "
				"need the same kernel",
				there->name);
	}
	if (own->special_count != offer->head.special_count)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the kernel on the target has other vdso mappings: both nodes need "
			"the same kernel");
	return 0;
}

bool offer_is_local(const struct offer *offer)
{
	uint8_t boot_id[16];

	files_boot_id(boot_id);
	return memcmp(boot_id, offer->head.boot_id, sizeof(boot_id)) == 0;
}

int offer_compare(const struct offer *offer, pid_t shell, int root, const struct maps *own,
		  struct refusal *refusal)
{
	uint64_t hash = 0;
	int result = cpu_compare(&offer->head, refusal);

	if (result == 0)
		result = compare_specials(offer, own, refusal);
	if (result)
		return result;
	result = hash_vdso(shell, own, &hash);
	if (result < 0 || hash != offer->head.vdso_hash)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the kernel on the target has another vdso: both nodes need the "
				   "same kernel");
	if (offer->head.needs & IMAGE_NEEDS_TIMER_IDS &&
	    prctl(PR_TIMER_CREATE_RESTORE_IDS, TIMER_IDS_QUERY, 0, 0, 0) < 0)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has POSIX timers, whose numbers can be kept only with "
			"Linux 6.15 or newer on the target");
	return files_compare(&offer->files, root, offer_is_local(offer), refusal);
}

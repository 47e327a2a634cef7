/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_place.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "os/open.h"
#include "os/stage.h"

#define NO_FILE_FOLDER "/tmp" /* there a name begins that no file has any more */

_Static_assert(sizeof(struct unix_socket_body) == IMAGE_BODY_BYTES, "the body");

struct unix_socket_body unix_socket_body(const struct image_description *image)
{
	struct unix_socket_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

static bool read_folder(const struct description *description, struct unix_place *place,
			uint32_t *at)
{
	uint32_t length;
	const uint8_t *piece = contents_next(&description->contents, at, &length);

	if (!piece || length >= IMAGE_PATH_MAX || piece[0] != '/' || memchr(piece, 0, length))
		return false;
	memcpy(place->folder, piece, length);
	place->folder[length] = '\0';
	return true;
}

bool unix_place_read(const struct description *description, struct unix_place *place,
		     uint32_t *queue)
{
	const struct unix_socket_body body = unix_socket_body(&description->image);
	const uint8_t *piece;
	uint32_t at = 0, length;
	bool good = true;

	*place = (struct unix_place){ .folder = NO_FILE_FOLDER };
	if (body.name_bytes) {
		piece = contents_next(&description->contents, &at, &length);
		if (!piece || length != body.name_bytes)
			return false;
		memcpy(place->name, piece, length);
		memcpy(place->path, piece, length);
		good = place->name[0] ? strlen(place->path) == length && os_stage_takes(place->path)
				      : !(body.flags & SOCKET_FILE);
	}
	if (good && body.flags & SOCKET_FILE)
		good = read_folder(description, place, &at);
	if (queue)
		*queue = at;
	return good;
}

int unix_place_open(struct restore *restore, pid_t pid, const struct description *description,
		    struct unix_place *place)
{
	bool good = unix_place_read(description, place, NULL);

	assert(good && place->path[0]); /* whole() saw to it */
	(void)good;
	snprintf(place->stage, sizeof(place->stage), ".dvs-%d-%u", (int)pid, description->image.id);
	return os_open_below(restore->root, place->folder, OS_OPEN_READ | OS_OPEN_FOLDER);
}

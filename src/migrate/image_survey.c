/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/image_survey.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/image_pack.h"
#include "migrate/stream.h"
#include "os/socket.h"

static bool has_group(const struct right_user *user, uint32_t gid)
{
	bool has = gid == user->gid;

	for (uint32_t i = 0; i < user->group_count && !has; i++)
		has = user->group[i] == gid;
	return has;
}

/* Whether the user could have made this thread without help. */
static bool is_within(const struct image_credentials *thread, const struct right_user *user)
{
	bool within =
		!(thread->permitted | thread->effective | thread->inheritable | thread->ambient);

	assert(user);
	for (int i = 0; i < 4; i++)
		within = within && thread->uid[i] == user->uid && has_group(user, thread->gid[i]);
	for (uint32_t i = 0; i < thread->group_count && i < 64; i++)
		within = within && has_group(user, thread->group[i]);
	return within;
}

static void take_thread(struct image_survey *survey, const struct image_thread *thread)
{
	if (!survey->threads++)
		survey->uid = thread->credentials.uid[0];
	if (survey->user && survey->user->uid && !is_within(&thread->credentials, survey->user))
		survey->is_of_other = true;
}

/* Its path is behind it, without a zero at its end. */
static void take_file(struct image_survey *survey, const struct image_file *file, uint32_t length)
{
	char path[IMAGE_PATH_MAX + 1];

	survey->files++;
	if (!survey->on_file || !image_file_ok(file, length) ||
	    file->use & (IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED))
		return;
	memcpy(path, file + 1, file->path_length);
	path[file->path_length] = 0;
	survey->on_file(survey->ctx, path);
}

static void take(struct image_survey *survey, const struct reader *reader, const void *payload)
{
	switch (reader->type) {
	case IMAGE_PROCESS:
		survey->processes++;
		break;
	case IMAGE_MAP:
		survey->maps++;
		break;
	case IMAGE_FD:
		survey->descriptors++;
		break;
	case IMAGE_FILE:
		take_file(survey, payload, reader->length);
		break;
	case IMAGE_THREAD:
		take_thread(survey, payload);
		break;
	case IMAGE_PAGES:
		survey->pages += ((const struct image_pages *)payload)->count;
		break;
	case IMAGE_SHARED_PAGES:
		survey->pages += ((const struct image_shared_pages *)payload)->count;
		break;
	default:
		break;
	}
}

/* To its end; survey NULL: only whether it is whole. */
static int read_stream(int fd, struct image_survey *survey, struct refusal *refusal)
{
	struct secure *from = secure_plain(os_dup(fd));
	struct reader reader;
	const void *payload;
	int r = from ? reader_init(&reader, from) : -ENOMEM;

	if (r < 0) {
		secure_free(from);
		return refusal_set(refusal, EDVSNOMEM, "no memory to read the image");
	}
	do {
		r = reader_next(&reader, &payload, refusal);
		if (r == 0 && survey)
			take(survey, &reader, payload);
	} while (!reader.over);
	reader_deinit(&reader);
	secure_free(from);
	return r;
}

int image_survey(const struct image_parts *parts, struct image_survey *survey,
		 struct refusal *refusal)
{
	int r = read_stream(parts->fd[0], NULL, refusal);

	assert(survey->threads == 0 && survey->files == 0); /* it begins at nothing */
	if (r == 0)
		r = read_stream(parts->fd[2], survey, refusal);
	image_parts_rewind(parts);
	return r;
}

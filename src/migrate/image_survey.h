/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_IMAGE_SURVEY_H
#define DVS_MIGRATE_IMAGE_SURVEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/refusal.h"
#include "base/right.h"

struct image_parts;

/* Counts and rights, which the streams of an image tell before anything is made of it. */
struct image_survey {
	uint32_t processes, threads, maps, descriptors, files;
	uint64_t pages;
	uint32_t uid;	  /* real one of the first thread */
	bool is_of_other; /* a thread has rights that `user` has not */
	/* Called for each file that the process has mapped or open, in the order of the stream; or NULL. */
	void (*on_file)(void *ctx, const char *path);
	void *ctx;
	const struct right_user *user;
};

/*
 * Reads the offer and the state to their ends, and leaves them at their beginnings. on_file, ctx and user are the
 * caller's, the rest is filled. Reading takes as long as a pass through the memory of the process. 0, or negative with
 * *refusal filled: a stream is damaged.
 */
int image_survey(const struct image_parts *parts, struct image_survey *survey,
		 struct refusal *refusal);

#endif

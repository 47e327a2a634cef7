/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/terminals.h"

#include <assert.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/inode.h"

#define MAJOR_SLAVE 136

_Static_assert(sizeof(struct terminal_master) <= IMAGE_BODY_BYTES, "body");

struct terminal_master terminals_read_master(const struct image_description *image)
{
	struct terminal_master body;

	assert(image->kind == IMAGE_DESCRIPTION_TERMINAL_MASTER);
	memcpy(&body, image->body, sizeof(body));
	return body;
}

struct terminal_slave terminals_read_slave(const struct image_description *image)
{
	struct terminal_slave body;

	assert(image->kind == IMAGE_DESCRIPTION_TERMINAL);
	memcpy(&body, image->body, sizeof(body));
	return body;
}

bool terminals_is_master(const struct description *description)
{
	assert(description->image.kind);
	return description->image.kind == IMAGE_DESCRIPTION_TERMINAL_MASTER;
}

struct description *terminals_master(const struct descriptions *descriptions, uint32_t number)
{
	for (uint32_t i = 0; i < descriptions->count; i++) {
		struct description *description = &descriptions->description[i];

		if (terminals_is_master(description) &&
		    terminals_read_master(&description->image).number == number)
			return description;
	}
	return NULL;
}

struct description *terminals_of_session(const struct descriptions *descriptions, int32_t session)
{
	assert(session);
	for (uint32_t i = 0; i < descriptions->count; i++) {
		struct description *description = &descriptions->description[i];

		if (terminals_is_master(description) &&
		    terminals_read_master(&description->image).session == session)
			return description;
	}
	return NULL;
}

const struct description *terminals_slave(const struct descriptions *descriptions, uint32_t number)
{
	for (uint32_t i = 0; i < descriptions->count; i++) {
		const struct image_description *image = &descriptions->description[i].image;

		if (image->kind == IMAGE_DESCRIPTION_TERMINAL &&
		    terminals_read_slave(image).number == number &&
		    terminals_read_slave(image).kind != TERMINAL_SLAVE_HUNG_UP)
			return &descriptions->description[i];
	}
	return NULL;
}

static bool are_within(const struct descriptions *some, const struct descriptions *all)
{
	for (uint32_t i = 0; i < some->count; i++) {
		if (!terminals_is_master(&some->description[i]))
			continue;
		const struct terminal_master one =
			terminals_read_master(&some->description[i].image);
		const struct description *found = one.session
							  ? terminals_of_session(all, one.session)
							  : &some->description[i];

		if (!found)
			return false;
		const struct terminal_master other = terminals_read_master(&found->image);

		if (other.number != one.number || memcmp(&other.size, &one.size, sizeof(one.size)))
			return false;
	}
	return true;
}

bool terminals_are_same(const struct descriptions *a, const struct descriptions *b)
{
	assert(a && b);
	return are_within(a, b) && are_within(b, a);
}

int terminals_check(const struct inventory *inventory, const struct descriptions *descriptions,
		    struct refusal *refusal)
{
	assert(inventory->member.session);
	const struct description *of_session =
		terminals_of_session(descriptions, inventory->member.session);
	bool has = inventory->terminal != 0;

	if (!has && !of_session)
		return 0;
	if (!has)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process was born before its session got a controlling "
				   "terminal, so that it has none; such a process cannot be made");
	if (of_session && os_device_major(inventory->terminal) == MAJOR_SLAVE &&
	    terminals_read_master(&of_session->image).number ==
		    os_device_minor(inventory->terminal))
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the process has a controlling terminal whose other end does not move "
			   "with it; start a program that gives it one, as `script` or `tmux`, and "
			   "the process inside that");
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_OBJECT_RECORDS_H
#define DVS_MIGRATE_OBJECT_RECORDS_H

#include "migrate/maps.h"
#include "migrate/stream.h"
#include "migrate/tables.h"

/*
 * The objects of an image, which come before the tasks that refer to them, and the mappings of a task, which an
 * offer has as well. The contents of descriptions change until the freeze, so that an offer has no CONTENTS, and
 * bodies may lack state that only a frozen process tells.
 */
void object_records_send(const struct tables *tables, bool is_offer, struct writer *writer);

/* One record of an object. 0, -ENOMEM, or -EBADMSG: it makes no sense, or is no object. */
int object_records_take(struct tables *tables, bool is_offer, const struct reader *reader,
			const void *payload);

/*
 * All objects, up to the first record of another type, `next`, whose payload is left in *payload. 0 or a refusal: the
 * stream does not begin with its objects, or they make no sense.
 */
int object_records_read(struct tables *tables, bool is_offer, struct reader *reader,
			enum image_type next, const void **payload, struct refusal *refusal);

/* A mapping. 0, -ENOMEM, or -EBADMSG: it makes no sense, overlaps another one, or refers to nothing that is there. */
int object_records_take_map(const struct tables *tables, struct maps *maps,
			    const struct image_map *map);

/* Whether there are as many as the OBJECTS record has told. */
bool object_records_are_complete(const struct tables *tables, const struct image_objects *told);

#endif

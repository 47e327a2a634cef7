/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_LINKED_H
#define DVS_MIGRATE_LINKED_H

#include "migrate/files.h"

/*
 * Source: finds another name of the object, which has lost the path that it was opened by, in the same folder.
 * A folder with very many names is looked at in part.
 */
bool linked_name(const struct files *files, int dir, const char *path,
		 const struct files_object *object, char other[IMAGE_PATH_MAX]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/tables.h"

#include <assert.h>

void tables_clear(struct tables *tables)
{
	members_clear(&tables->members);
	files_clear(&tables->files);
	memories_clear(&tables->memories);
	sysv_clear(&tables->sysv);
	descriptions_clear(&tables->descriptions);
	passed_clear(&tables->passed);
	assert(!tables->files.count && !tables->memories.count && !tables->descriptions.count);
}

void tables_free(struct tables *tables)
{
	members_free(&tables->members);
	files_free(&tables->files);
	memories_free(&tables->memories);
	sysv_free(&tables->sysv);
	descriptions_free(&tables->descriptions);
	passed_free(&tables->passed);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/program.h"

#include <assert.h>
#include <stdio.h>

static char name[64] = "dvs";

const char *program_name(void)
{
	return name;
}

void program_set_name(const char *first, const char *second)
{
	assert(first && *first);
	snprintf(name, sizeof(name), second ? "%s %s" : "%s", first, second);
}

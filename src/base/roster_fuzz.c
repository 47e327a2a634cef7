/* SPDX-License-Identifier: Apache-2.0 */

/* A list of machines as somebody else wrote it. One that is taken is the same when it is written and read again. */

#include <stdlib.h>
#include <string.h>

#include "base/roster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[ROSTER_TEXT_MAX];
	struct roster once, again;
	size_t len;
	int line;

	if (roster_parse(&once, (const char *)data, size, &line))
		return 0;
	len = roster_print(&once, text);
	if (roster_parse(&again, text, len, &line) || memcmp(&once, &again, sizeof(once)) != 0)
		abort();
	return 0;
}

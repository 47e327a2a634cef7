/* SPDX-License-Identifier: Apache-2.0 */

/* A key file as somebody else wrote it. One that is taken is the same when it is written and read again. */

#include <stdlib.h>
#include <string.h>

#include "base/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[KEYRING_TEXT_MAX];
	struct keyring once, again;
	int line;

	if (keyring_parse(&once, (const char *)data, size, &line)) {
		if (once.count)
			abort();
		return 0;
	}
	if (keyring_parse(&again, text, keyring_print(&once, text), &line) ||
	    memcmp(&once, &again, sizeof(once)) != 0)
		abort();
	return 0;
}

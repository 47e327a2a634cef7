/* SPDX-License-Identifier: Apache-2.0 */

/* A key file as somebody else wrote it. One that is taken is the same when it is written and read again. */

#include <stdlib.h>
#include <string.h>

#include "base/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[KEYRING_TEXT_MAX], other[KEYRING_TEXT_MAX];
	struct keyring once, again;
	size_t len;
	int line;

	if (keyring_parse(&once, (const char *)data, size, &line)) {
		if (once.count)
			abort();
		return 0;
	}
	len = keyring_print(&once, text);
	if (keyring_parse(&again, text, len, &line) || keyring_print(&again, other) != len ||
	    memcmp(text, other, len) != 0)
		abort();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * All bytes that command_decode() accepts must come back byte for byte from command_encode(). Only the
 * bytes after the end of the name may have been anything; it comes back as zeros.
 */

#include <stdlib.h>
#include <string.h>

#include "wire/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t name_at = offsetof(struct command, name);
	uint8_t plain[COMMAND_BYTES], again[COMMAND_BYTES];
	struct command cmd;
	size_t length;

	if (command_decode(&cmd, data, size))
		return 0;
	if (size != COMMAND_BYTES)
		abort();
	length = strlen(cmd.name);
	memcpy(plain, data, size);
	memset(plain + name_at + length, 0, sizeof(cmd.name) - length);
	command_encode(&cmd, again);
	if (memcmp(again, plain, COMMAND_BYTES))
		abort();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Whatever command_decode() accepts must come back byte for byte from command_encode(). */

#include <stdlib.h>
#include <string.h>

#include "wire/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[COMMAND_BYTES];
	struct command cmd;

	if (command_decode(&cmd, data, size))
		return 0;
	command_encode(&cmd, again);
	if (size != COMMAND_BYTES || memcmp(again, data, COMMAND_BYTES))
		abort();
	return 0;
}

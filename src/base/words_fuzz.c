/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: a list that is taken is written again as the same bytes. */
#include "base/words.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = malloc(size + 1), *again = malloc(size + 1), *words[MOST + 1];
	int count;

	if (!bytes || !again)
		abort();
	memcpy(bytes, data, size);
	count = words_decode(bytes, size, words, MOST);
	if (count == 0 || count > MOST)
		abort();
	if (count > 0 &&
	    (words[count] || words_encode(again, size, words) != size || memcmp(again, data, size)))
		abort();
	free(bytes);
	free(again);
	return 0;
}

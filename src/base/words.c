/* SPDX-License-Identifier: Apache-2.0 */
#include "base/words.h"

#include <assert.h>

size_t words_encode(char *bytes, size_t size, char *const *words)
{
	size_t at = 0;

	for (; *words; words++) {
		const char *word = *words;

		do {
			if (at == size)
				return 0;
			bytes[at++] = *word;
		} while (*word++);
	}
	assert(at <= size);
	return at;
}

int words_decode(char *bytes, size_t len, char **words, int most)
{
	int count = 0;

	assert(most >= 0);
	if (!len || bytes[len - 1])
		return -1;
	for (size_t at = 0; at < len; at++) {
		if (at && bytes[at - 1])
			continue;
		if (count == most)
			return -1;
		words[count++] = bytes + at;
	}
	words[count] = NULL;
	return count;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_WORDS_H
#define DVS_BASE_WORDS_H

/*
 * A list of words as bytes: each ends with a zero byte. The words that a reader decodes point into
 * the bytes.
 */

#include <stddef.h>

/* The length; 0: there is no word, or `size` bytes are too few, and nothing is written that matters. */
size_t words_encode(char *bytes, size_t size, char *const *words);
/*
 * Fills words[] and ends it with NULL: it has room for `most` words and that NULL. The number of words, at least 1; -1:
 * the bytes are no such list, or one of more words.
 */
int words_decode(char *bytes, size_t len, char **words, int most);

#endif

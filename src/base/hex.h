/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_HEX_H
#define DVS_BASE_HEX_H

/* Bytes as people copy them: two digits 0-9, a-f each, and no capital letters. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes 2 * count digits, which nothing terminates. Their end. */
char *hex_print(char *at, const uint8_t *bytes, size_t count);
/* Reads 2 * count digits. False: there is another character. */
bool hex_parse(const char *text, uint8_t *bytes, size_t count);

#endif

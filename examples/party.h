/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A program's part in a DC: its arguments, and the endpoint it owns. */

#include <stdbool.h>

/*
 * For a program that has too many words (more than `most`) or too few, or was asked for --help. Prints the
 * program's usage and returns its exit status.
 */
int party_usage(const char *name, const char *words, int most, int argc, char **argv);

/* A number from min to max, given as text. False, with a line on stderr, if it is not one. */
bool party_number(const char *what, const char *text, long min, long max, int *numberp);

/*
 * Makes the caller own endpoint of dcid: binds it, unless the starter of the program has bound it already.
 * Returns the endpoint, or an error below EDVSERRCODE with a line on stderr.
 */
long party_join(int dcid, int endpoint);

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_PROGRAM_H
#define DVS_OS_PROGRAM_H

/*
 * The words of a command line, for the daemon and the programs beside it: "--help" prints the usage on standard
 * output and ends with 0, a wrong word is named on standard error and ends with 2.
 */

#include "os/options.h"

struct program {
	const char *name;
	const char *usage; /* ends with a newline */
};

/*
 * Parses the words of a program that takes options only; "--help" need not be in the table. -1: the program goes on.
 * Otherwise it ends with the status that is returned.
 */
int program_options(const struct program *program, const struct option_row *rows, int argc,
		    char **argv);

/* Says what is wrong, then the usage. Returns 2. */
int program_refuse(const struct program *program, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif

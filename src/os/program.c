/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "os/program.h"
#include "os/self.h"

#define WRONG_USAGE 2

int program_refuse(const struct program *program, const char *format, ...)
{
	va_list args;

	assert(program->usage);
	fprintf(stderr, "%s: ", program->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n%s", program->usage);
	return WRONG_USAGE;
}

int program_options(const struct program *program, const struct option_row *rows, int argc,
		    char **argv)
{
	struct options options;

	if (!options_parse(&options, rows, -1, argc - 1, argv + 1)) {
		if (options.why[0])
			return program_refuse(program, "%s", options.why);
		fputs(program->usage, stdout);
		return os_self_finish(program->name, 0);
	}
	if (options.count)
		return program_refuse(program, "unexpected word \"%.40s\"", options.operand[0]);
	return -1;
}

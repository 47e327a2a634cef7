/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The one place on the pure floors that formats text: a reason is worth nothing without the numbers
 * it is about. scripts/lint knows vsnprintf as an exception of this object and of no other.
 */

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/refusal.h"

int refusal_set_va(struct refusal *r, int error, const char *format, va_list args)
{
	assert(format);
	error = result_checked(error);
	assert(error < 0);
	if (!r || r->error)
		return error;
	r->error = error;
	if (vsnprintf(r->reason, sizeof(r->reason), format, args) < 0)
		r->reason[0] = '\0';
	return error;
}

int refusal_set_number(struct refusal *r, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error = refusal_set_va(r, error, format, args);
	va_end(args);
	return error;
}

int refusal_set_errno(struct refusal *r, int number, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	number = refusal_set_va(r, result_of_errno(number), format, args);
	va_end(args);
	return number;
}

void refusal_clear(struct refusal *r)
{
	*r = REFUSAL_NONE;
}

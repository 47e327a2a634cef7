/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The one place on the pure floors that formats text: a reason is worth nothing without the numbers
 * it is about. scripts/lint knows vsnprintf as an exception of this object and of no other.
 */

#include <stdarg.h>
#include <stdio.h>

#include "base/refusal.h"

int refusal_set(struct refusal *r, int error, const char *format, ...)
{
	va_list args;

	if (!r || r->error)
		return error;
	r->error = error;
	va_start(args, format);
	if (vsnprintf(r->reason, sizeof(r->reason), format, args) < 0)
		r->reason[0] = '\0';
	va_end(args);
	return error;
}

void refusal_clear(struct refusal *r)
{
	*r = REFUSAL_NONE;
}

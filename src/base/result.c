/* SPDX-License-Identifier: Apache-2.0 */
#include "base/result.h"

#include <errno.h>

struct result_row {
	int number;
	const char *name;
	const char *text;
};

#define RESULT_ROW(name, number, text) { -(number), #name, text },

static const struct result_row result_rows[] = { RESULT_LIST(RESULT_ROW) };

#define RESULT_ROWS (sizeof(result_rows) / sizeof(result_rows[0]))

/* Errors are rare and are shown to people: a walk over the table is quick enough. */
static const struct result_row *result_find(int result)
{
	for (unsigned i = 0; i < RESULT_ROWS; i++) {
		if (result_rows[i].number == result)
			return &result_rows[i];
	}
	return 0;
}

const char *result_name(int result)
{
	const struct result_row *row = result_find(result);

	if (result >= 0)
		return "OK";
	return row ? row->name : "EDVSGENERIC";
}

const char *result_text(int result)
{
	const struct result_row *row = result_find(result);

	if (result >= 0)
		return "done";
	return row ? row->text : "failed with a number that has no name";
}

int result_checked(int result)
{
	return result_find(result) ? result : RESULT_EDVSGENERIC;
}

int result_of_errno(int number)
{
	static const struct {
		int system, ours;
	} pairs[] = {
		{ ENOMSG, RESULT_EDVSNOMSG },
		{ ETIMEDOUT, RESULT_EDVSTIMEDOUT },
		{ EADDRINUSE, RESULT_EDVSADDRINUSE },
		{ EADDRNOTAVAIL, RESULT_EDVSADDRNOTAVAIL },
		{ ECONNREFUSED, RESULT_EDVSCONNREFUSED },
		{ ECONNRESET, RESULT_EDVSCONNRESET },
		{ ENOTCONN, RESULT_EDVSNOTCONN },
		{ EISCONN, RESULT_EDVSISCONN },
		{ ESHUTDOWN, RESULT_EDVSSHUTDOWN },
		{ EINPROGRESS, RESULT_EDVSINPROGRESS },
		{ EALREADY, RESULT_EDVSALREADY },
		{ EMSGSIZE, RESULT_EDVSMSGSIZE },
		{ ENOTSOCK, RESULT_EDVSNOTSOCK },
		{ ENOPROTOOPT, RESULT_EDVSNOPROTOOPT },
		{ EPROTOTYPE, RESULT_EDVSPROTOTYPE },
		{ EPROTONOSUPPORT, RESULT_EDVSPROTONOSUPPORT },
		{ EAFNOSUPPORT, RESULT_EDVSAFNOSUPPORT },
		{ EHOSTUNREACH, RESULT_EDVSDSTNOTRCH },
		{ ENETUNREACH, RESULT_EDVSDSTNOTRCH },
		{ ENOBUFS, RESULT_EDVSOUTOFBUFS },
		{ EPROTO, RESULT_EDVSBADREQUEST },
		{ EBADMSG, RESULT_EDVSBADREQUEST },
		{ EOVERFLOW, RESULT_EDVSBADRANGE },
		{ EKEYREJECTED, RESULT_EDVSPRIVILEGES },
	};

	if (number < 0)
		number = -number;
	/* One table for both (see dvk/errors.h): the numbers of POSIX from the beginning. */
	if (number <= ELOOP)
		return -number;
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (pairs[i].system == number)
			return pairs[i].ours;
	return RESULT_EDVSGENERIC;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/result.h"

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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes are either values in their ranges, or refused with a sentence that begins with the file's name.
 *
 * fuzz with: src/os/account.c src/os/options.c src/os/tcp.c src/os/socket.c src/os/lock.c
 * fuzz flags: -linih
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "os/settings.c"

struct values {
	int count, level;
	uint32_t users;
	struct address address;
	char name[9];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const levels[] = { "low", "high", NULL };
	static const struct setting rows[] = {
		{ "count", "N", SETTING_NUMBER, 0, 1, 10, NULL, "3", NULL, "", 0 },
		{ "level", "L", SETTING_CHOICE, 0, 0, 0, levels, "high", NULL, "",
		  offsetof(struct values, level) },
		{ "users", "GROUP", SETTING_GROUP, 0, 0, 0, NULL, NULL, NULL, "",
		  offsetof(struct values, users) },
		{ "address", "A", SETTING_ADDRESS, 0, 0, 0, NULL, NULL, NULL, "",
		  offsetof(struct values, address) },
		{ "name", "NAME", SETTING_WORD, 0, 1, 8, NULL, "plain", NULL, "",
		  offsetof(struct values, name) },
		{ NULL, NULL, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0 },
	};
	struct values values = { 0 };
	struct settings settings;
	size_t len;

	settings_init(&settings, rows, &values);
	if (!settings_parse(&settings, "f", (const char *)data, size) &&
	    strncmp(settings.why, "f:", 2))
		abort();
	len = strnlen(values.name, sizeof(values.name));
	if (values.count < 1 || values.count > 10 || values.level < 0 || values.level > 1 || !len ||
	    len > 8)
		abort();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "os/settings.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"
#include "os/account.h"
#include "os/options.h"
#include "os/socket.h"

static unsigned number_of(const struct settings *settings, const struct setting *row)
{
	assert(row >= settings->rows && row < settings->rows + SETTINGS_MAX);
	return (unsigned)(row - settings->rows);
}

/* The first reason stays. Returns false. */
static bool wrong(struct settings *settings, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool wrong(struct settings *settings, const char *format, ...)
{
	va_list args;

	if (settings->why[0])
		return false;
	va_start(args, format);
	vsnprintf(settings->why, sizeof(settings->why), format, args);
	va_end(args);
	return false;
}

/* "a number from 0 to 31", the end of a sentence. */
static void print_range(const struct setting *row, char *text, size_t size)
{
	size_t len = 0;

	switch (row->kind) {
	case SETTING_NUMBER:
		snprintf(text, size, "a number from %d to %d", row->least, row->most);
		return;
	case SETTING_WORD:
		snprintf(text, size, "%d to %d characters", row->least, row->most);
		return;
	case SETTING_ADDRESS:
		snprintf(text, size, "an IPv4 or IPv6 address (none of a link, fe80::)");
		return;
	case SETTING_GROUP:
		snprintf(text, size, "a group of this machine (groupadd --system makes one)");
		return;
	case SETTING_CHOICE:
		text[0] = '\0';
		for (int i = 0; row->choices[i] && len < size; i++)
			len += (size_t)snprintf(text + len, size - len, "%s%s",
						!i		      ? ""
						: row->choices[i + 1] ? ", "
								      : " or ",
						row->choices[i]);
		return;
	}
}

/* Takes the text as the value of the row. */
static bool take(const struct settings *settings, const struct setting *row, const char *text)
{
	void *value = (char *)settings->values + row->offset;
	size_t len = strlen(text);

	switch (row->kind) {
	case SETTING_NUMBER:
		return options_number(text, row->least, row->most, value);
	case SETTING_WORD:
		if (len < (size_t)row->least || len > (size_t)row->most)
			return false;
		memcpy(value, text, len + 1);
		return true;
	case SETTING_ADDRESS:
		return !address_parse(value, text, len);
	case SETTING_GROUP:
		return os_account_group(text, value);
	case SETTING_CHOICE:
		for (int i = 0; row->choices[i]; i++)
			if (!strcmp(row->choices[i], text)) {
				*(int *)value = i;
				return true;
			}
	}
	return false;
}

void settings_init(struct settings *settings, const struct setting *rows, void *values)
{
	*settings = (struct settings){ .rows = rows, .values = values };
	for (const struct setting *row = rows; row->name; row++) {
		bool taken = !row->initial || take(settings, row, row->initial);

		assert(number_of(settings, row) < SETTINGS_MAX);
		assert(taken); /* a default is in the range of its own row */
	}
}

bool settings_set(struct settings *settings, const struct setting *row, const char *text)
{
	char range[160];

	if (take(settings, row, text)) {
		settings->given |= 1u << number_of(settings, row);
		return true;
	}
	print_range(row, range, sizeof(range));
	return wrong(settings, "--%s: %s is wanted, not \"%.60s\"", row->name, range, text);
}

/* The text that libinih reads, one line after the other. */
struct source {
	struct settings *settings;
	const char *name, *at, *end;
	int line; /* the one that was read last */
};

static const struct setting *find(const struct settings *settings, const char *name)
{
	for (const struct setting *row = settings->rows; row->name; row++)
		if (!(row->flags & SETTING_LINE) && !strcmp(row->name, name))
			return row;
	return NULL;
}

/* One line without the blanks before it: to libinih, a line that begins with one goes on with the line before it. */
static char *read_line(char *buffer, int size, void *ctx)
{
	struct source *source = ctx;
	const char *end;
	size_t len;

	assert(source->at <= source->end);
	if (source->at == source->end || source->settings->why[0])
		return NULL;
	source->line++;
	end = memchr(source->at, '\n', (size_t)(source->end - source->at));
	end = end ? end : source->end;
	while (source->at < end && isspace((unsigned char)*source->at))
		source->at++;
	len = (size_t)(end - source->at);
	if (len + 2 > (size_t)size || len > SETTINGS_LINE_MAX || memchr(source->at, '\0', len)) {
		wrong(source->settings,
		      "%s:%d: the line is longer than %d bytes, or has a byte 0: this is no text "
		      "with settings; write the line anew",
		      source->name, source->line, SETTINGS_LINE_MAX);
		return NULL;
	}
	if (len && *source->at == '[') {
		wrong(source->settings, "%s:%d: there are no sections here: remove the line %.*s",
		      source->name, source->line, len < 40 ? (int)len : 40, source->at);
		return NULL;
	}
	memcpy(buffer, source->at, len);
	memcpy(buffer + len, "\n", 2);
	source->at = end < source->end ? end + 1 : end;
	return buffer;
}

static bool take_line(struct source *source, const char *name, const char *text)
{
	struct settings *settings = source->settings;
	const struct setting *row = find(settings, name);
	char range[160];
	unsigned number;

	if (!row)
		return wrong(
			settings,
			"%s:%d: there is no setting \"%.40s\": remove the line, or look for the name in `dvsd --sample`",
			source->name, source->line, name);
	number = number_of(settings, row);
	if (settings->line[number])
		return wrong(settings, "%s:%d: %s stands in line %d already: remove one of both",
			     source->name, source->line, name, settings->line[number]);
	settings->line[number] = source->line;
	settings->given |= 1u << number;
	if (take(settings, row, text))
		return true;
	print_range(row, range, sizeof(range));
	return wrong(settings, "%s:%d: %s is \"%.60s\", and has to be %s%s: change the line",
		     source->name, source->line, name, text, row->kind == SETTING_WORD ? "of " : "",
		     range);
}

static int on_line(void *ctx, const char *section, const char *name, const char *text)
{
	struct source *source = ctx;

	(void)section;
	return take_line(source, name, text ? text : "");
}

bool settings_parse(struct settings *settings, const char *name, const char *text, size_t len)
{
	struct source source = { settings, name, text, text + len, 0 };
	int r;

	assert(!settings->why[0]);
	r = ini_parse_stream(read_line, &source, on_line, &source);
	if (r > 0)
		wrong(settings,
		      "%s:%d: the line is not of the form \"setting = value\": change it, or put # "
		      "before it",
		      name, r);
	if (r < 0)
		wrong(settings, "%s: there is no memory to read it", name);
	return !settings->why[0];
}

/* Others could make root's daemon do what they want. */
static bool is_trusted(struct settings *settings, const char *path, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return wrong(settings, "%s: this is no plain file: name another one", path);
	if (geteuid())
		return true;
	if (st->st_uid)
		return wrong(settings,
			     "%s: the file belongs to user %u, and has to be root's: chown root %s",
			     path, st->st_uid, path);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return wrong(settings, "%s: others than root can write to the file: chmod go-w %s",
			     path, path);
	return true;
}

bool settings_read(struct settings *settings, const char *path)
{
	OS_CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t len = 0;
	struct stat st;
	ssize_t n = 1;
	char *text;
	bool good;

	if (fd < 0 || fstat(fd, &st) < 0)
		return wrong(settings, "%s: the file cannot be read: %s", path, strerror(errno));
	if (!is_trusted(settings, path, &st))
		return false;
	text = malloc(SETTINGS_FILE_MAX);
	if (!text)
		return wrong(settings, "%s: there is no memory to read it", path);
	while (n > 0 && len < SETTINGS_FILE_MAX) {
		n = read(fd, text + len, SETTINGS_FILE_MAX - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		good = wrong(settings, "%s: the file cannot be read: %s", path, strerror(errno));
	else if (len == SETTINGS_FILE_MAX)
		good = wrong(settings, "%s: the file has %d bytes or more: shorten it", path,
			     SETTINGS_FILE_MAX);
	else
		good = settings_parse(settings, path, text, len);
	free(text);
	return good;
}

bool settings_complete(struct settings *settings, const char *path)
{
	for (const struct setting *row = settings->rows; row->name; row++) {
		if (!(row->flags & SETTING_NEEDED) ||
		    settings->given >> number_of(settings, row) & 1)
			continue;
		if (!path)
			return wrong(settings, "--%s is missing", row->name);
		return wrong(settings, "%s: %s is missing: add a line such as \"%s = %s\"", path,
			     row->name, row->name, row->sample);
	}
	return true;
}

bool settings_same(const struct setting *row, const void *a, const void *b)
{
	const char *one = (const char *)a + row->offset, *other = (const char *)b + row->offset;

	if (row->kind == SETTING_WORD)
		return !strcmp(one, other);
	if (row->kind == SETTING_ADDRESS)
		return !memcmp(one, other, sizeof(struct address));
	return !memcmp(one, other, sizeof(uint32_t));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "os/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/address.h"
#include "base/test.h"

struct values {
	int count, level;
	struct address address;
	char name[9];
};

static const char *const levels[] = { "low", "high", NULL };
static const struct setting rows[] = {
	{ "count", "N", SETTING_NUMBER, SETTING_NEEDED, 1, 10, NULL, NULL, "3", "how many", 0 },
	{ "level", "L", SETTING_CHOICE, SETTING_RELOADED, 0, 0, levels, "high", NULL, "how high",
	  offsetof(struct values, level) },
	{ "address", "A", SETTING_ADDRESS, 0, 0, 0, NULL, NULL, "192.0.2.1", "where",
	  offsetof(struct values, address) },
	{ "name", "NAME", SETTING_WORD, 0, 1, 8, NULL, "plain", NULL, "what it is called",
	  offsetof(struct values, name) },
	{ "fd", "FD", SETTING_NUMBER, SETTING_LINE, 1, 10, NULL, NULL, NULL, "only there", 0 },
	{ NULL, NULL, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0 },
};

static struct values values;
static struct settings settings;

static bool parse(const char *text)
{
	memset(&values, 0, sizeof(values));
	settings_init(&settings, rows, &values);
	return settings_parse(&settings, "f", text, strlen(text));
}

static bool is_refused(const char *text, const char *why)
{
	if (!parse(text) && strstr(settings.why, why))
		return true;
	printf("\"%s\": %s\n", text, settings.why);
	return false;
}

static void test_values(void)
{
	CHECK(parse("# a comment\n\n  count=7\n; another\nname = a b\n\taddress = 10.0.0.2\r\n"
		    "level = low"));
	CHECK_EQ(values.count, 7);
	CHECK_EQ(values.level, 0);
	CHECK(!memcmp(&values.address.byte[12], "\12\0\0\2", 4));
	CHECK(!strcmp(values.name, "a b"));
	CHECK_EQ(settings.line[0], 3);
	CHECK_EQ(settings.line[3], 5);
	CHECK(settings_complete(&settings, "f"));
	CHECK(parse("address = 2001:db8::1"));
	CHECK(!memcmp(values.address.byte, "\x20\1\x0d\xb8", 4));
	CHECK(parse(""));
	CHECK(!strcmp(values.name, "plain"));
	CHECK_EQ(values.level, 1);
}

/* Each names the file, the line and a remedy. */
static void test_refusals(void)
{
	CHECK(is_refused("count = 1\ncount = 11\n", "f:2: count stands in line 1 already"));
	CHECK(is_refused("\n\ncount = 11\n",
			 "f:3: count is \"11\", and has to be a number from 1 to 10: "));
	CHECK(is_refused("count = 1 # one", "f:1: count is"));
	CHECK(is_refused("count =", "f:1: count is \"\""));
	CHECK(is_refused("colour = red", "f:1: there is no setting \"colour\": remove"));
	CHECK(is_refused("fd = 3", "f:1: there is no setting \"fd\""));
	CHECK(is_refused("--count = 3", "f:1: there is no setting"));
	CHECK(is_refused("[part]\ncount = 1",
			 "f:1: there are no sections here: remove the line [part]"));
	CHECK(is_refused("\ncount\n", "f:2: the line is not of the form"));
	CHECK(is_refused("name = 123456789",
			 "f:1: name is \"123456789\", and has to be of 1 to 8 characters"));
	CHECK(is_refused("level = middle", "low or high"));
	CHECK(is_refused("address = 10.0.0", "has to be an IPv4 or IPv6 address"));
	CHECK(is_refused("address = fe80::1", "none of a link"));
	/* The first one is told. */
	CHECK(is_refused("a = 1\nb = 2", "f:1: "));
	CHECK(parse("level = low") && !settings_complete(&settings, "f") &&
	      strstr(settings.why, "f: count is missing: add a line such as \"count = 3\""));
}

static void test_odd_bytes(void)
{
	char text[600];

	memset(text, 'a', sizeof(text));
	settings_init(&settings, rows, &values);
	CHECK(!settings_parse(&settings, "f", text, sizeof(text)));
	CHECK(strstr(settings.why, "f:1: the line is longer than 198 bytes"));
	settings_init(&settings, rows, &values);
	CHECK(!settings_parse(&settings, "f", "#\ncount\0= 3\n", 12));
	CHECK(strstr(settings.why, "f:2: "));
	memset(text, '#', SETTINGS_LINE_MAX);
	settings_init(&settings, rows, &values);
	CHECK(settings_parse(&settings, "f", text, SETTINGS_LINE_MAX));
}

static void test_command_line(void)
{
	CHECK(parse("count = 2"));
	CHECK(settings_set(&settings, &rows[0], "5"));
	CHECK_EQ(values.count, 5);
	CHECK(!settings_set(&settings, &rows[0], "50"));
	CHECK(!strcmp(settings.why, "--count: a number from 1 to 10 is wanted, not \"50\""));
	settings_init(&settings, rows, &values);
	CHECK(!settings_complete(&settings, NULL) && !strcmp(settings.why, "--count is missing"));
}

/* The sample with each setting put in is read as it stands: a sample that the reader refuses would be a lie. */
static void test_sample(void)
{
	char text[4096] = "", *at;
	FILE *out = fmemopen(text, sizeof(text), "w");

	settings_sample(rows, out);
	fclose(out);
	CHECK(parse(text));
	CHECK_EQ(settings.given, 0);
	while ((at = strstr(text, "\n#count")) || (at = strstr(text, "\n#level")) ||
	       (at = strstr(text, "\n#address")) || (at = strstr(text, "\n#name")))
		at[1] = ' ';
	CHECK(parse(text));
	CHECK_EQ(settings.given, 15);
	CHECK(!strstr(text, "fd"));
	CHECK_EQ(values.count, 3);
	settings_usage(rows, "head\n", "tail\n", text, sizeof(text));
	CHECK(!strncmp(text, "head\n", 5) && strstr(text, "\ntail\n"));
	CHECK(strstr(text, "--fd FD") && strstr(text, "how many; 1 to 10"));
}

static void test_file(void)
{
	char path[] = "/tmp/settings_test.XXXXXX";
	int fd = mkstemp(path);

	CHECK_OR_RETURN(fd >= 0 && write(fd, "count = 4\n", 10) == 10);
	settings_init(&settings, rows, &values);
	CHECK(settings_read(&settings, path) && values.count == 4);
	settings_init(&settings, rows, &values);
	CHECK(!settings_read(&settings, "/tmp") &&
	      strstr(settings.why, "/tmp: this is no plain file"));
	settings_init(&settings, rows, &values);
	CHECK(!settings_read(&settings, "/nonexistent") &&
	      strstr(settings.why, "/nonexistent: the file cannot be read: No such file"));
	if (geteuid() == 0) {
		CHECK_EQ(fchmod(fd, 0664), 0);
		settings_init(&settings, rows, &values);
		CHECK(!settings_read(&settings, path) && strstr(settings.why, "chmod go-w"));
		CHECK_EQ(fchmod(fd, 0600), 0);
		CHECK_EQ(fchown(fd, 4711, 0), 0);
		settings_init(&settings, rows, &values);
		CHECK(!settings_read(&settings, path) &&
		      strstr(settings.why, "belongs to user 4711, and has to be root's: chown"));
	}
	unlink(path);
	close(fd);
}

int main(void)
{
	TEST(test_values);
	TEST(test_refusals);
	TEST(test_odd_bytes);
	TEST(test_command_line);
	TEST(test_sample);
	TEST(test_file);
	return test_end();
}

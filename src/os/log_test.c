// SPDX-License-Identifier: Apache-2.0
#include "os/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static char text[1 << 20];

/* Runs fn with standard error in a file and returns what it wrote there, as a string. */
static const char *captured(void (*fn)(void))
{
	int fd = memfd_create("log", MFD_CLOEXEC), saved = dup(STDERR_FILENO);
	ssize_t n;

	dup2(fd, STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = 0;
	close(fd);
	close(saved);
	return text;
}

static unsigned lines(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void say_levels(void)
{
	os_log_init("dvsd 2", OS_LOG_WARN);
	errno = ERANGE;
	os_log(OS_LOG_ERROR, "first %d", 1);
	os_log(OS_LOG_WARN, "second");
	os_log(OS_LOG_INFO, "third");
}

static void test_levels_and_prefix(void)
{
	const char *out = captured(say_levels);

	CHECK_EQ(errno, ERANGE);
	CHECK_EQ(lines(out), 2);
	CHECK(strstr(out, " E dvsd 2: first 1\n"));
	CHECK(strstr(out, " W dvsd 2: second\n"));
	CHECK(!strstr(out, "third"));
}

static void say_to_journal(void)
{
	struct stat st;
	char stream[64];

	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	os_log_init("dvsd 2", OS_LOG_INFO);
	os_log(OS_LOG_ERROR, "first");
	os_log(OS_LOG_WARN, "second");
	os_log(OS_LOG_INFO, "third");
	os_log_set_level(OS_LOG_DEBUG);
	os_log(OS_LOG_DEBUG, "fourth");
	unsetenv("JOURNAL_STREAM");
	os_log_init("dvsd 2", OS_LOG_INFO);
}

/* The journal has the time, and takes the priority from the begin of the line. */
static void test_journal(void)
{
	usleep(1100000 / OS_LOG_PER_SECOND); /* after the flood there is leave for one line */
	CHECK(!strcmp(captured(say_to_journal), "<3>dvsd 2: first\n<4>dvsd 2: second\n"
						"<6>dvsd 2: third\n<7>dvsd 2: fourth\n"));
}

static void say_much(void)
{
	os_log_init("dvsd", OS_LOG_INFO);
	for (int i = 0; i < 5 * OS_LOG_BURST; i++)
		os_log(OS_LOG_INFO, "again");
	for (int i = 0; i < 2 * OS_LOG_BURST; i++)
		os_log(OS_LOG_ERROR, "bad");
	usleep(1100000 / OS_LOG_PER_SECOND);
	os_log(OS_LOG_INFO, "later");
}

static void test_flood_is_cut(void)
{
	const char *out = captured(say_much);
	unsigned n = lines(out);

	/* The errors, the burst, the last one, and some that time permitted meanwhile. */
	CHECK(n >= 3 * OS_LOG_BURST + 1);
	CHECK(n <= 3 * OS_LOG_BURST + 1 + 2 * OS_LOG_PER_SECOND);
	CHECK(strstr(out, " lines dropped) later\n") || strstr(out, " lines dropped) again\n"));
}

static void say_long(void)
{
	char big[4000];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	os_log(OS_LOG_ERROR, "%s", big);
}

static void test_long_line_is_cut(void)
{
	const char *out = captured(say_long);

	CHECK_EQ(lines(out), 1);
	CHECK(strlen(out) <= 1024);
	CHECK(strlen(out) > 1000);
}

int main(void)
{
	TEST(test_levels_and_prefix);
	TEST(test_flood_is_cut);
	TEST(test_long_line_is_cut);
	TEST(test_journal);
	return test_end();
}

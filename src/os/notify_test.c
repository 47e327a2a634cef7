/* SPDX-License-Identifier: Apache-2.0 */
#include "os/notify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/test.h"

static int manager = -1;

/* The next message to the manager, as a string; "" if it hears nothing. */
static const char *heard(void)
{
	static char text[512];
	ssize_t n = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_words(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len;

	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	len = (socklen_t)(sizeof(sa_family_t) + 1 +
			  (size_t)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
					   "notify_test.%d", getpid()));
	CHECK_OR_RETURN(bind(manager, (struct sockaddr *)&address, len) == 0);
	address.sun_path[0] = '@';
	os_notify_alive();
	CHECK(!*heard());
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	os_notify_ready("node 1 is a member");
	if (!strcmp(heard(), "")) {
		test_skip("this build is without libsystemd");
		return;
	}
	os_notify_ready("node 1 is a member");
	CHECK(!strcmp(heard(), "READY=1\nSTATUS=node 1 is a member"));
	os_notify_reloading();
	CHECK(strstr(heard(), "RELOADING=1\nMONOTONIC_USEC="));
	os_notify_alive();
	CHECK(!strcmp(heard(), "WATCHDOG=1"));
	os_notify_stopping("stops");
	CHECK(!strcmp(heard(), "STOPPING=1\nSTATUS=stops"));
	CHECK_EQ(os_notify_watchdog_us(), 0);
	setenv("WATCHDOG_USEC", "3000000", 1);
	CHECK_EQ(os_notify_watchdog_us(), 3000000);
	setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
	CHECK_EQ(os_notify_watchdog_us(), 0);
	close(manager);
}

static void test_journal(void)
{
	struct stat st;
	char text[64];

	unsetenv("JOURNAL_STREAM");
	CHECK(!os_notify_is_journal());
	CHECK_OR_RETURN(fstat(STDERR_FILENO, &st) == 0);
	snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", text, 1);
	CHECK(os_notify_is_journal());
	setenv("JOURNAL_STREAM", "1:1", 1);
	CHECK(!os_notify_is_journal());
	setenv("JOURNAL_STREAM", "x", 1);
	CHECK(!os_notify_is_journal());
}

int main(void)
{
	TEST(test_words);
	TEST(test_journal);
	return test_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "os/notify.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef DVS_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "os/clock.h"

/* A manager that does not listen is no reason for a daemon not to work: the results are ignored. */
static void tell(const char *text)
{
	assert(text[0]);
#ifdef DVS_SYSTEMD
	sd_notify(0, text);
#endif
}

static void tell_status(const char *word, const char *status)
{
	char text[256];

	snprintf(text, sizeof(text), "%s\nSTATUS=%s", word, status);
	tell(text);
}

void os_notify_ready(const char *status)
{
	tell_status("READY=1", status);
}

void os_notify_reloading(void)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)(os_now_ns() / 1000));
	tell(text);
}

void os_notify_stopping(const char *status)
{
	tell_status("STOPPING=1", status);
}

void os_notify_alive(void)
{
	tell("WATCHDOG=1");
}

int64_t os_notify_watchdog_us(void)
{
#ifdef DVS_SYSTEMD
	uint64_t interval_us;

	if (sd_watchdog_enabled(0, &interval_us) > 0)
		return (int64_t)interval_us;
#endif
	return 0;
}

bool os_notify_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "os/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/notify.h"

#define LINE_MAX_BYTES 1024

/* A bucket of permissions to print, refilled with time; units are nanoseconds per line. */
struct bucket {
	int64_t full_at_ns; /* when it will be full again */
	unsigned dropped;
};

static struct {
	pthread_mutex_t lock;
	char prefix[32];
	enum os_log_level level;
	bool journal;
	struct bucket bucket[OS_LOG_LEVELS];
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .prefix = "dvs", .level = OS_LOG_INFO };

void os_log_init(const char *prefix, enum os_log_level level)
{
	pthread_mutex_lock(&sink.lock);
	snprintf(sink.prefix, sizeof(sink.prefix), "%s", prefix);
	sink.level = level;
	sink.journal = os_notify_is_journal();
	pthread_mutex_unlock(&sink.lock);
}

void os_log_set_level(enum os_log_level level)
{
	assert((unsigned)level < OS_LOG_LEVELS);
	pthread_mutex_lock(&sink.lock);
	sink.level = level;
	pthread_mutex_unlock(&sink.lock);
}

/* Takes one permission; 0: none left. */
static int bucket_take(struct bucket *b, int64_t now_ns)
{
	const int64_t cost = OS_SECOND_NS / OS_LOG_PER_SECOND;

	if (b->full_at_ns < now_ns)
		b->full_at_ns = now_ns;
	if (b->full_at_ns + cost > now_ns + OS_LOG_BURST * cost)
		return 0;
	b->full_at_ns += cost;
	return 1;
}

/* "14:05:27.123456 W dvsd 2: ", or for the journal "<4>dvsd 2: ". */
static int format_head(char *line, size_t size, enum os_log_level level)
{
	static const char letter[OS_LOG_LEVELS] = { 'E', 'W', 'I', 'D' };
	static const char priority[OS_LOG_LEVELS] = { '3', '4', '6', '7' }; /* of syslog(3) */
	int64_t now = os_realtime_ns();
	time_t seconds = (time_t)(now / OS_SECOND_NS);
	struct tm tm;

	assert((unsigned)level < OS_LOG_LEVELS);
	if (sink.journal)
		return snprintf(line, size, "<%c>%s: ", priority[level], sink.prefix);
	localtime_r(&seconds, &tm);
	return snprintf(line, size, "%02d:%02d:%02d.%06d %c %s: ", tm.tm_hour, tm.tm_min, tm.tm_sec,
			(int)(now % OS_SECOND_NS / 1000), letter[level], sink.prefix);
}

static void print_line(enum os_log_level level, const char *format, va_list args)
{
	char line[LINE_MAX_BYTES];
	size_t len = (size_t)format_head(line, sizeof(line), level);
	struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
	unsigned *dropped = &sink.bucket[level].dropped;
	ssize_t n;

	assert((unsigned)level < OS_LOG_LEVELS);
	if (*dropped)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "(%u lines dropped) ",
					*dropped);
	vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	while (len < sizeof(line) - 1 && line[len])
		len++;
	line[len++] = '\n';
	/* A reader that has stopped reading must not stop us. */
	if (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT)) {
		(*dropped)++;
		return;
	}
	/* One write: lines of several programs on one terminal stay whole. */
	*dropped = 0;
	n = write(STDERR_FILENO, line, len);
	(void)n;
}

void os_log(enum os_log_level level, const char *format, ...)
{
	int saved = errno;
	va_list args;

	pthread_mutex_lock(&sink.lock);
	if (level <= sink.level) {
		if (level == OS_LOG_ERROR || bucket_take(&sink.bucket[level], os_now_ns())) {
			va_start(args, format);
			print_line(level, format, args);
			va_end(args);
		} else {
			sink.bucket[level].dropped++;
		}
	}
	pthread_mutex_unlock(&sink.lock);
	errno = saved;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_LOG_H
#define DVS_OS_LOG_H

/*
 * The log of a daemon: lines on standard error, each with its time, level and the program's name; if that is the
 * journal's, which has the time itself, with the priority as the journal takes it (<3> and the like). A
 * flood is cut: of one level at most OS_LOG_BURST lines at once and OS_LOG_PER_SECOND from then on; how
 * many were dropped is said with the next line. Errors are never dropped. Any thread may log.
 */

#define OS_LOG_BURST	  200
#define OS_LOG_PER_SECOND 20

enum os_log_level {
	OS_LOG_ERROR,
	OS_LOG_WARN,
	OS_LOG_INFO,
	OS_LOG_DEBUG,
	OS_LOG_LEVELS
};

/* prefix, such as "dvsd 2", is copied; levels above `level` are not shown. */
void os_log_init(const char *prefix, enum os_log_level level);
void os_log_set_level(enum os_log_level level);

/* One sentence without a newline; errno is kept. */
void os_log(enum os_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_NOTIFY_H
#define DVS_OS_NOTIFY_H

/*
 * Messages of a daemon to the service manager that has started it. Without a manager that wants to know, or
 * without that library, nothing is told. None of these waits.
 */

#include <stdbool.h>
#include <stdint.h>

void os_notify_ready(const char *status); /* it serves; status: its state in words */
void os_notify_reloading(void);		  /* until os_notify_ready() */
void os_notify_stopping(const char *status);
void os_notify_alive(void); /* for the watchdog */

/* How often the manager wants to hear that the daemon lives, at least; 0: never. */
int64_t os_notify_watchdog_us(void);

/* Whether standard error is the journal's, which takes priorities. */
bool os_notify_is_journal(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_MACHINE_H
#define DVS_OS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/* Properties of this machine and its kernel. */

/* The machine's boot, another one after each; zeros: not to be known. */
void os_boot_id(uint8_t id[16]);

/* Whether a program can choose the numbers of its POSIX timers (Linux 6.15). */
bool os_timer_ids_can_be_chosen(void);

/* Huge pages of this size that a program can still have: free ones, and those that the kernel may make. */
uint64_t os_huge_pages_free(unsigned kb);

/* Memory that programs can still have, swap included, in KiB. UINT64_MAX: not to be known. */
uint64_t os_memory_free_kb(void);

/* Ticks of CPU time in a second, as /proc counts it. */
uint64_t os_ticks_per_second(void);

/* The session keyring of this program; 0: it has none. */
int32_t os_session_keyring(void);

/* Its name up to the first dot, cut to the size. */
void os_machine_name(char *name, size_t size);

/*
 * Addresses of its interfaces that are up, without the loopback and those of one link: how many, at most `most`. Those
 * of IPv4 come first.
 */
unsigned os_machine_addresses(struct address *address, unsigned most);

#endif

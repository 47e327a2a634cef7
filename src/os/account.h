/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_ACCOUNT_H
#define DVS_OS_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The number of a user or of a group, of its name on this machine or of digits; UINT32_MAX, by which the kernel means
 * none, is no number. False: there is no such name. For programs with one thread; may wait, for a directory service.
 */
bool os_account_user(const char *text, uint32_t *uid);
bool os_account_group(const char *text, uint32_t *gid);

#endif

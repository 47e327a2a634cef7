/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_KEYFILE_H
#define DVS_OS_KEYFILE_H

#include "base/keyring.h"
#include "base/refusal.h"

/*
 * Reads the file once, and refuses one that another user could have read or written, or that is no key file: the
 * sentence names the file and the remedy. 0 or the refusal's number.
 */
int os_keyfile_read(const char *path, struct keyring *keyring, struct refusal *refusal);

/* A new key of its own, in a new file that only this user can read. 0 or negative errno; -EEXIST: there is one. */
int os_keyfile_make(const char *path);

/* One step of an exchange of keys in this file (keyring_turn()), which is replaced whole. 0 or the refusal's number. */
int os_keyfile_turn(const char *path, struct refusal *refusal);

/* Without a file: a key that nobody else knows, so that no other node is believed and none believes this one. */
void os_keyfile_alone(struct keyring *keyring);

#endif

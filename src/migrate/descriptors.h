/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_DESCRIPTORS_H
#define DVS_MIGRATE_DESCRIPTORS_H

#include "base/refusal.h"
#include "migrate/files.h"
#include "migrate/migrate.h"
#include "wire/image.h"

/* The open descriptors of a process, in ascending order, as records of an image. */
struct descriptors {
	struct image_fd *fd; /* owned */
	uint32_t count, capacity;
};

void descriptors_free(struct descriptors *descriptors);
int descriptors_append(struct descriptors *descriptors, const struct image_fd *fd);

/*
 * Reads the descriptors of process pid with /proc directory `dir`; what cannot be carried is
 * refused, with its kind and number in the sentence.
 */
struct procdir_text;
int descriptors_read(struct descriptors *descriptors, pid_t pid, int dir, struct files *files,
		     const struct migrate_host *host, struct procdir_text *buffer,
		     struct refusal *refusal);

/* What a socket of a process is: "a listening TCP socket", "a Unix socket", ... */
const char *descriptors_socket_name(pid_t pid, int number);

#endif

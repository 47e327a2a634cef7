/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_STREAM_H
#define DVS_MIGRATE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/refusal.h"
#include "os/secure.h"
#include "wire/image.h"

/*
 * The two ends of a stream of image records over a connection, or a file. Both keep a
 * buffer and the hash of all bytes so far; both fail for good at the first error.
 */
#define STREAM_TIMEOUT_MS 30000

struct writer {
	struct secure *to; /* not owned */
	uint8_t *buffer;   /* owned */
	size_t used;
	struct image_record *open; /* reserved and not yet committed */
	uint64_t hash;
	uint64_t bytes; /* written in all */
	int error;
};

int writer_init(struct writer *writer, struct secure *to); /* 0 or -ENOMEM */
void writer_deinit(struct writer *writer);

/*
 * Room for the payload of one record, to be filled and committed before the next; NULL after an
 * error. length may be reduced on commit.
 */
void *writer_reserve(struct writer *writer, enum image_type type, size_t length);
void writer_commit(struct writer *writer, size_t length);
void writer_put(struct writer *writer, enum image_type type, const void *payload, size_t length);

/* A record with a head and a tail. */
void writer_put_two(struct writer *writer, enum image_type type, const void *head,
		    size_t head_bytes, const void *tail, size_t tail_bytes);

/* Sends what is buffered now, so that the other side can begin with it. */
void writer_flush(struct writer *writer);

/* END with the hash, and everything out. Returns 0 or -errno. */
int writer_end(struct writer *writer);

struct reader {
	struct secure *from; /* not owned */
	uint8_t *buffer;     /* owned */
	size_t start, end;
	uint64_t hash;
	uint64_t bytes;
	bool over;	      /* END was read, or nothing more can be */
	enum image_type type; /* of the current record */
	uint32_t length;
};

int reader_init(struct reader *reader, struct secure *from);
void reader_deinit(struct reader *reader);

/*
 * The next record: type and length in the reader, its payload (aligned to 8, valid until the next
 * call) in *payload. END is returned too, after its hash was found right. Refuses damage and
 * silence.
 */
int reader_next(struct reader *reader, const void **payload, struct refusal *refusal);

/*
 * Reads what is left and forgets it: the other side, which is in the middle of sending, gets to its
 * end at once and can be told what happened, instead of waiting for room until its time is out.
 */
void reader_drain(struct reader *reader);

#endif

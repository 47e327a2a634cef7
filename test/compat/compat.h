/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_TEST_COMPAT_H
#define DVS_TEST_COMPAT_H

/*
 * Known values of every layout that leaves a process and is read by another build: by another node, or by the successor
 * of a daemon. Each format has a version; its samples are encoded by the encoders of the product.
 */

#include <stddef.h>
#include <stdint.h>

#define COMPAT_BYTES_MAX 16384u /* of one sample */

struct compat_sample {
	const char *name;
	/* The known value, as bytes. */
	size_t (*write)(const struct compat_sample *sample, uint8_t *buf);
	/* 0: they are read as the known value; 1: as another one; negative: the decoder refuses them. */
	int (*read)(const struct compat_sample *sample, const uint8_t *buf, size_t len);
	const void *value;
	size_t size; /* of the value */
};

struct compat_format {
	const char *name;
	uint32_t version;
	const struct compat_sample *sample;
	size_t count;
	size_t heads; /* the first samples, which carry the version; 0: all do */
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define SAMPLE(name, write, read, value)                    \
	{                                                   \
		name, write, read, &(value), sizeof(value), \
	}
/* A struct whose memory is the layout, and whose fields any value may have. */
#define PLAIN(noun) SAMPLE(#noun, compat_write_plain, compat_read_plain, noun)

/* What an encoder that has its own layout says of a value that was read into `got`. */
int compat_compare(const struct compat_sample *sample, const void *got);
/* Structs whose memory is the layout. */
size_t compat_write_plain(const struct compat_sample *sample, uint8_t *buf);
int compat_read_plain(const struct compat_sample *sample, const uint8_t *buf, size_t len);

extern const struct compat_format compat_frame, compat_lane, compat_group, compat_command,
	compat_council, compat_directory, compat_move, compat_image, compat_join, compat_handover,
	compat_image_file;

#endif

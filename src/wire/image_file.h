/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_IMAGE_FILE_H
#define DVS_WIRE_IMAGE_FILE_H

/*
 * A file with the image of a process: a head in the clear, then sealed records.
 *
 *	HEAD ABOUT OFFER+ CONVERSATIONS+ STATE+ END
 *
 *	record: its head, then `bytes` of cipher text, then a tag of IMAGE_FILE_TAG_BYTES
 *
 * OFFER and STATE are the two streams of wire/image.h, as they cross a link, and CONVERSATIONS is the block of struct
 * move_state (wire/move.h). They are cut into pieces of at most IMAGE_FILE_PIECE_BYTES, and each piece is a frame of
 * zstd. A part that is empty has no record.
 *
 * Each record is sealed with AES-256-GCM. The secret comes by HKDF-SHA-256 from the key of the cluster that the head
 * names, with the salt of the head and, as info, a label and the whole head. The nonce is the number of the record,
 * from 0, as little-endian bytes after four zeros; its head is authenticated with it. So a record that is changed,
 * lost, twice there, in another place, or of another file is found, and END says that nothing is missing behind it.
 *
 * All numbers are little-endian, and the structs are the bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_FILE_MAGIC	0x54504b4353564424ull /* "$DVSCKPT" */
#define IMAGE_FILE_VERSION	1u
#define IMAGE_FILE_TAG_BYTES	16u
#define IMAGE_FILE_NONCE_BYTES	12u
#define IMAGE_FILE_PIECE_BYTES	(1u << 20) /* of a part, before it is packed */
#define IMAGE_FILE_RECORD_BYTES (IMAGE_FILE_PIECE_BYTES + (16u << 10)) /* that zstd may add */
#define IMAGE_FILE_LABEL	"dvs image file 1"

struct image_file_head {
	uint64_t magic;
	uint16_t version;
	uint16_t bytes; /* of the head */
	uint32_t key;	/* number of the cluster's key */
	uint8_t salt[32];
	uint64_t check; /* base/hash.h, of all before: damage is told from a foreign key */
};

enum image_file_kind {
	IMAGE_FILE_ABOUT = 1,
	IMAGE_FILE_OFFER,
	IMAGE_FILE_CONVERSATIONS,
	IMAGE_FILE_STATE,
	IMAGE_FILE_END,
	IMAGE_FILE_KINDS,
};

struct image_file_record {
	uint32_t kind; /* enum image_file_kind */
	uint32_t bytes;
};

/* Whose image it is, and the layouts of its parts. */
struct image_file_about {
	uint32_t image_version; /* IMAGE_VERSION */
	uint32_t move_version;	/* MOVE_VERSION, of CONVERSATIONS */
	int32_t dcid, p_nr, endpoint, vpid;
	uint32_t generation, dc_generation; /* lives of the endpoint and of its DC */
	int32_t node;			    /* where it ran */
	uint32_t by_hand;		    /* 1: a move by hand (dvs_migrate -s) was under way */
	int64_t taken_ns;		    /* real time */
	uint64_t bytes[3];		    /* of OFFER, CONVERSATIONS, STATE */
	char name[16];
};

struct image_file_end {
	uint64_t records; /* before this one */
	uint64_t bytes[3];
};

_Static_assert(sizeof(struct image_file_head) == 56, "layout");
_Static_assert(sizeof(struct image_file_record) == 8, "layout");
_Static_assert(sizeof(struct image_file_about) == 88, "layout");
_Static_assert(sizeof(struct image_file_end) == 32, "layout");

/* The parts by their place in bytes[]; -1: the kind is none of a part. */
int image_file_part(uint32_t kind);

void image_file_head_fill(struct image_file_head *head, uint32_t key, const uint8_t salt[32]);
/*
 * 0; -ENOEXEC: it is no such file; -EPROTO: of another version (*version says which); -EBADMSG: damaged.
 */
int image_file_head_check(const struct image_file_head *head, unsigned *version);

/* Whether a record with this head may follow one of kind `before` (0: the head of the file). */
bool image_file_record_ok(const struct image_file_record *record, uint32_t before);

/* ABOUT, authenticated: 0; -EPROTO: its parts are of another release; -EBADMSG: it makes no sense. */
int image_file_about_check(const struct image_file_about *about);

void image_file_nonce(uint64_t number, uint8_t nonce[IMAGE_FILE_NONCE_BYTES]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/image_pack.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "dvk/errors.h"
#include "os/hkdf.h"
#include "os/memfd.h"
#include "os/open.h"
#include "os/random.h"
#include "os/seal.h"
#include "os/secure.h"
#include "os/socket.h"

/* The fastest that still packs: memory of programs is mostly zeros, text and pointers. */
#define PACK_LEVEL 1

_Static_assert(IMAGE_FILE_TAG_BYTES == OS_SEAL_TAG_BYTES, "one tag");
_Static_assert(IMAGE_FILE_NONCE_BYTES == OS_SEAL_NONCE_BYTES, "one nonce");

/* A file on one of its two ways. */
struct pack {
	int fd;
	struct os_seal *seal;
	struct image_file_head head;
	uint64_t records; /* so far */
	uint64_t bytes;	  /* the same */
	uint8_t *piece;	  /* owned: of a part, not packed */
	uint8_t *record;  /* owned: packed, and its tag */
	ZSTD_CCtx *packer;
	ZSTD_DCtx *unpacker;
};

void image_parts_free(struct image_parts *parts)
{
	for (int i = 0; i < 3; i++)
		parts->fd[i] = os_close(parts->fd[i]);
}

int image_parts_new(struct image_parts *parts)
{
	static const char *const names[] = { "dvs-offer", "dvs-conversations", "dvs-state" };

	*parts = IMAGE_PARTS_NONE;
	for (int i = 0; i < 3; i++) {
		int r = parts->fd[i] = os_memfd_new_file(names[i]);

		if (r < 0) {
			image_parts_free(parts);
			return r;
		}
	}
	return 0;
}

void image_parts_rewind(const struct image_parts *parts)
{
	for (int i = 0; i < 3; i++)
		os_seek(parts->fd[i], 0);
}

static void pack_deinit(struct pack *pack)
{
	os_seal_free(pack->seal);
	free(pack->piece);
	free(pack->record);
	ZSTD_freeCCtx(pack->packer);
	ZSTD_freeDCtx(pack->unpacker);
}

static int refuse_memory(struct refusal *refusal)
{
	return refusal_set(refusal, EDVSNOMEM, "no memory for the image");
}

static int pack_init(struct pack *pack, int fd, struct refusal *refusal)
{
	*pack = (struct pack){ .fd = fd };
	pack->piece = malloc(IMAGE_FILE_PIECE_BYTES);
	pack->record = malloc(IMAGE_FILE_RECORD_BYTES + IMAGE_FILE_TAG_BYTES);
	if (pack->piece && pack->record)
		return 0;
	pack_deinit(pack);
	return refuse_memory(refusal);
}

/* The secret of this file alone. 0, -ENOKEY, or another negative errno. */
static int unlock(struct pack *pack, struct secure_keys *keys)
{
	uint8_t info[sizeof(IMAGE_FILE_LABEL) - 1 + sizeof(pack->head)];
	uint8_t secret[OS_SEAL_SECRET_BYTES];
	struct keyring_key key;
	int r;

	if (!secure_keys_find(keys, pack->head.key, &key))
		return -ENOKEY;
	memcpy(info, IMAGE_FILE_LABEL, sizeof(IMAGE_FILE_LABEL) - 1);
	memcpy(info + sizeof(IMAGE_FILE_LABEL) - 1, &pack->head, sizeof(pack->head));
	r = os_hkdf((struct hkdf_input){ key.secret, sizeof(key.secret) },
		    (struct hkdf_input){ pack->head.salt, sizeof(pack->head.salt) },
		    (struct hkdf_input){ info, sizeof(info) }, secret, sizeof(secret));
	if (r == 0)
		pack->seal = os_seal_new(secret);
	explicit_bzero(&key, sizeof(key));
	explicit_bzero(secret, sizeof(secret));
	return r < 0 ? r : pack->seal ? 0 : -ENOMEM;
}

/* ---- into a file ---- */

static int put(struct pack *pack, const void *bytes, size_t len, struct refusal *refusal)
{
	int r = os_write_full(pack->fd, bytes, len, -1);

	pack->bytes += len;
	return r < 0 ? refusal_set_errno(refusal, r, "the image cannot be written to the file: %s",
					 strerror(-r))
		     : 0;
}

static int begin_file(struct pack *pack, struct secure_keys *keys, struct refusal *refusal)
{
	struct keyring_key primary;
	uint8_t salt[sizeof(pack->head.salt)];
	int r;

	for (size_t i = 0; i < sizeof(salt); i += sizeof(uint64_t)) {
		uint64_t word = os_random();

		memcpy(salt + i, &word, sizeof(word));
	}
	secure_keys_find(keys, 0, &primary);
	image_file_head_fill(&pack->head, primary.id, salt);
	explicit_bzero(&primary, sizeof(primary));
	r = unlock(pack, keys);
	pack->packer = ZSTD_createCCtx();
	if (r < 0 || !pack->packer)
		return refusal_set(refusal, EDVSNOMEM, "the image cannot be sealed: %s",
				   strerror(r < 0 ? -r : ENOMEM));
	return put(pack, &pack->head, sizeof(pack->head), refusal);
}

/* `bytes` of pack->record are one record's. */
static int put_record(struct pack *pack, enum image_file_kind kind, size_t bytes,
		      struct refusal *refusal)
{
	const struct image_file_record record = { .kind = kind, .bytes = (uint32_t)bytes };
	uint8_t nonce[IMAGE_FILE_NONCE_BYTES];
	int r;

	assert(bytes <= IMAGE_FILE_RECORD_BYTES);
	image_file_nonce(pack->records++, nonce);
	r = os_seal_close(pack->seal, nonce, (struct os_seal_beside){ &record, sizeof(record) },
			  pack->record, bytes, pack->record + bytes);
	if (r < 0)
		return refusal_set(refusal, EDVSGENERIC, "the image cannot be sealed");
	r = put(pack, &record, sizeof(record), refusal);
	return r ? r : put(pack, pack->record, bytes + IMAGE_FILE_TAG_BYTES, refusal);
}

static int put_struct(struct pack *pack, enum image_file_kind kind, const void *from, size_t bytes,
		      struct refusal *refusal)
{
	memcpy(pack->record, from, bytes);
	return put_record(pack, kind, bytes, refusal);
}

static int put_part(struct pack *pack, enum image_file_kind kind, int from, struct refusal *refusal)
{
	uint64_t at = 0;

	assert(from >= 0);
	for (;;) {
		ssize_t got = os_read_at(from, pack->piece, IMAGE_FILE_PIECE_BYTES, at);
		size_t packed;
		int r;

		if (got < 0)
			return refusal_set_errno(refusal, (int)got, "the image cannot be read: %s",
						 strerror((int)-got));
		if (got == 0)
			return 0;
		at += (uint64_t)got;
		packed = ZSTD_compressCCtx(pack->packer, pack->record, IMAGE_FILE_RECORD_BYTES,
					   pack->piece, (size_t)got, PACK_LEVEL);
		if (ZSTD_isError(packed))
			return refuse_memory(refusal);
		r = put_record(pack, kind, packed, refusal);
		if (r)
			return r;
	}
}

static int write_all(struct pack *pack, struct secure_keys *keys,
		     const struct image_file_about *about, const struct image_parts *parts,
		     struct refusal *refusal)
{
	struct image_file_end end = { 0 };
	int r = begin_file(pack, keys, refusal);

	if (r == 0)
		r = put_struct(pack, IMAGE_FILE_ABOUT, about, sizeof(*about), refusal);
	for (int i = 0; i < 3 && r == 0; i++)
		r = put_part(pack, (enum image_file_kind)(IMAGE_FILE_OFFER + i), parts->fd[i],
			     refusal);
	if (r)
		return r;
	end.records = pack->records;
	memcpy(end.bytes, about->bytes, sizeof(end.bytes));
	return put_struct(pack, IMAGE_FILE_END, &end, sizeof(end), refusal);
}

int image_pack_write(int fd, struct secure_keys *keys, struct image_file_about *about,
		     const struct image_parts *parts, uint64_t *bytes, struct refusal *refusal)
{
	struct pack pack;
	int r = pack_init(&pack, fd, refusal);

	if (r)
		return r;
	for (int i = 0; i < 3; i++)
		about->bytes[i] = (uint64_t)os_memfd_size(parts->fd[i]);
	assert(image_file_about_check(about) == 0);
	r = write_all(&pack, keys, about, parts, refusal);
	*bytes = pack.bytes;
	pack_deinit(&pack);
	return r;
}

/* ---- out of a file ---- */

/* 0, or -ENODATA: the file ends before. */
static int get(struct pack *pack, void *bytes, size_t len)
{
	int r = os_read_full(pack->fd, bytes, len, -1);

	pack->bytes += len;
	return r == -ECONNRESET ? -ENODATA : r;
}

static int refuse_get(const struct pack *pack, int r, struct refusal *refusal)
{
	if (r == -ENODATA)
		return refusal_set(refusal, EDVSIO,
				   "the file ends in the middle, in record %llu: it is not whole; "
				   "copy it again, or take another checkpoint",
				   (unsigned long long)pack->records);
	if (r == -EBADMSG)
		return refusal_set(
			refusal, EDVSIO,
			"the file is damaged: record %llu, before byte %llu, is not as it "
			"was written; take another copy or another checkpoint",
			(unsigned long long)pack->records, (unsigned long long)pack->bytes);
	return refusal_set_errno(refusal, r, "the file cannot be read: %s", strerror(-r));
}

static int open_head(struct pack *pack, struct secure_keys *keys, struct refusal *refusal)
{
	unsigned version;
	int r = get(pack, &pack->head, sizeof(pack->head));

	if (r == 0)
		r = image_file_head_check(&pack->head, &version);
	if (r == -ENOEXEC || (r == -ENODATA))
		return refusal_set(refusal, EDVSINVAL,
				   "the file is no image of a process (dvs checkpoint makes one)");
	if (r == -EPROTO)
		return refusal_set(
			refusal, EDVSVERSION,
			"the file is of version %u of image files, and this release reads "
			"version %u: restore it with the release that made it",
			version, IMAGE_FILE_VERSION);
	if (r == 0)
		r = unlock(pack, keys);
	if (r == -ENOKEY)
		return refusal_set(
			refusal, EDVSPRIVILEGES,
			"the file is sealed with key %08x, which this node has not: it is "
			"of another cluster, or its key was rotated away (dvs key show)",
			pack->head.key);
	pack->unpacker = ZSTD_createDCtx();
	if (r == 0 && !pack->unpacker)
		return refuse_memory(refusal);
	return r ? refuse_get(pack, r, refusal) : 0;
}

/* The next record, opened: its head in *record, its bytes in pack->record. 0 or negative errno. */
static int get_record(struct pack *pack, uint32_t before, struct image_file_record *record)
{
	uint8_t nonce[IMAGE_FILE_NONCE_BYTES];
	int r = get(pack, record, sizeof(*record));

	if (r < 0)
		return r;
	if (!image_file_record_ok(record, before))
		return -EBADMSG;
	r = get(pack, pack->record, record->bytes + IMAGE_FILE_TAG_BYTES);
	if (r < 0)
		return r;
	image_file_nonce(pack->records, nonce);
	r = os_seal_open(pack->seal, nonce, (struct os_seal_beside){ record, sizeof(*record) },
			 pack->record, record->bytes, pack->record + record->bytes);
	if (r == 0)
		pack->records++;
	return r;
}

/* *got: bytes of the part so far, at most `most`. */
static int take_piece(struct pack *pack, size_t packed, int to, uint64_t most, uint64_t *got)
{
	size_t bytes = ZSTD_decompressDCtx(pack->unpacker, pack->piece, IMAGE_FILE_PIECE_BYTES,
					   pack->record, packed);

	if (ZSTD_isError(bytes) || bytes == 0 || bytes > most - *got)
		return -EBADMSG;
	*got += bytes;
	return os_write_full(to, pack->piece, bytes, -1);
}

static int check_end(struct pack *pack, const uint64_t got[3])
{
	struct image_file_end end;
	uint8_t more;

	memcpy(&end, pack->record, sizeof(end));
	if (end.records != pack->records - 1 || memcmp(end.bytes, got, sizeof(end.bytes)))
		return -EBADMSG;
	return get(pack, &more, 1) == -ENODATA ? 0 : -EBADMSG;
}

static int get_about(struct pack *pack, struct image_file_about *about, struct refusal *refusal)
{
	struct image_file_record record;
	int r = get_record(pack, 0, &record);

	if (r == 0) {
		memcpy(about, pack->record, sizeof(*about));
		r = image_file_about_check(about);
	}
	if (r == -EPROTO)
		return refusal_set(refusal, EDVSVERSION,
				   "the image in the file is of another release of DVS: restore it "
				   "with the release that made it");
	return r ? refuse_get(pack, r, refusal) : 0;
}

static int get_parts(struct pack *pack, const struct image_file_about *about,
		     const struct image_parts *parts, struct refusal *refusal)
{
	struct image_file_record record = { .kind = IMAGE_FILE_ABOUT };
	uint64_t got[3] = { 0 };
	int r = 0;

	assert(about);
	while (r == 0 && record.kind != IMAGE_FILE_END) {
		int part;

		r = get_record(pack, record.kind, &record);
		part = image_file_part(record.kind);
		if (r == 0 && part >= 0)
			r = take_piece(pack, record.bytes, parts->fd[part], about->bytes[part],
				       &got[part]);
	}
	if (r == 0)
		r = check_end(pack, got);
	if (r == 0 && memcmp(got, about->bytes, sizeof(got)))
		r = -EBADMSG;
	return r ? refuse_get(pack, r, refusal) : 0;
}

int image_pack_read(int fd, struct secure_keys *keys, struct image_file_about *about,
		    struct image_parts *parts, uint32_t *key, uint64_t *bytes,
		    struct refusal *refusal)
{
	struct pack pack;
	int r = pack_init(&pack, fd, refusal);

	if (r)
		return r;
	r = open_head(&pack, keys, refusal);
	*key = pack.head.key;
	if (r == 0)
		r = get_about(&pack, about, refusal);
	if (r == 0)
		r = get_parts(&pack, about, parts, refusal);
	if (r == 0)
		image_parts_rewind(parts);
	*bytes = pack.bytes - 1; /* the end was looked for */
	pack_deinit(&pack);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "os/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "os/random.h"
#include "os/socket.h"

/* The reason of the kernel, and what helps. */
static int cannot_read(const char *path, int error, struct refusal *refusal)
{
	const char *remedy = "";

	if (error == ENOENT)
		remedy =
			": dvs key make makes the first key of a cluster, and each other node gets a "
			"copy";
	else if (error == ELOOP)
		remedy = ": it is a link; name the file itself";
	else if (error == EACCES)
		remedy = ": only its owner may, so ask as root";
	return refusal_set_errno(refusal, error, "the key file %.100s cannot be read: %s%s", path,
				 strerror(error), remedy);
}

static int check_owner(int fd, const char *path, struct refusal *refusal)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return cannot_read(path, errno, refusal);
	if (!S_ISREG(status.st_mode))
		return refusal_set(refusal, EDVSINVAL,
				   "the key file %.100s is no plain file: name the file that dvs "
				   "key make has made",
				   path);
	if (status.st_uid && status.st_uid != geteuid())
		return refusal_set(refusal, EDVSPERM,
				   "the key file %.100s belongs to another user, who could change "
				   "it: give it to root (chown root)",
				   path);
	if (status.st_mode & 077)
		return refusal_set(refusal, EDVSPERM,
				   "the key file %.100s may be read or written by others than its "
				   "owner (mode %03o): chmod 600, and make a new key if that was "
				   "so for long",
				   path, (unsigned)status.st_mode & 07777);
	return 0;
}

static int parse(const char *text, size_t len, const char *path, struct keyring *keyring,
		 struct refusal *refusal)
{
	int line;
	const char *why = keyring_parse(keyring, text, len, &line);

	if (!why)
		return 0;
	if (line)
		return refusal_set(refusal, EDVSINVAL, "line %d of the key file %.100s: %s", line,
				   path, why);
	return refusal_set(refusal, EDVSINVAL, "the key file %.100s: %s", path, why);
}

int os_keyfile_read(const char *path, struct keyring *keyring, struct refusal *refusal)
{
	/* Neither a link's target nor a pipe that says something else each time. */
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;
	char text[KEYRING_TEXT_MAX + 1];
	ssize_t n;

	if (fd < 0)
		return cannot_read(path, errno, refusal);
	r = check_owner(fd, path, refusal);
	n = r ? 0 : read(fd, text, sizeof(text));
	if (n < 0)
		r = cannot_read(path, errno, refusal);
	os_close(fd);
	if (!r)
		r = parse(text, (size_t)n, path, keyring, refusal);
	OPENSSL_cleanse(text, sizeof(text));
	return r;
}

static void fill_key(struct keyring_key *key)
{
	while (!key->id)
		key->id = (uint32_t)os_random();
	for (size_t i = 0; i < sizeof(key->secret); i += sizeof(uint64_t)) {
		uint64_t word = os_random();

		memcpy(key->secret + i, &word, sizeof(word));
	}
}

void os_keyfile_alone(struct keyring *keyring)
{
	memset(keyring, 0, sizeof(*keyring));
	keyring->count = 1;
	fill_key(&keyring->key[0]);
}

/* Into a new file that only this user can read. */
static int write_keys(const char *path, const struct keyring *keyring)
{
	char text[KEYRING_TEXT_MAX];
	int r = os_file_make(path, 0600, text, keyring_print(keyring, text));

	OPENSSL_cleanse(text, sizeof(text));
	return r;
}

int os_keyfile_make(const char *path)
{
	struct keyring keyring = { .count = 1 };
	int r;

	fill_key(&keyring.key[0]);
	r = write_keys(path, &keyring);
	OPENSSL_cleanse(&keyring, sizeof(keyring));
	return r;
}

int os_keyfile_turn(const char *path, struct refusal *refusal)
{
	struct keyring_key fresh = { .id = 0 };
	struct keyring keyring;
	char beside[512];
	int r = os_keyfile_read(path, &keyring, refusal);

	if (r)
		return r;
	if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
		return refusal_set(refusal, EDVSNAMETOOLONG, "the name %.60s... is too long", path);
	fill_key(&fresh);
	keyring_turn(&keyring, &fresh);
	r = write_keys(beside, &keyring);
	if (!r)
		r = os_file_replace(path, beside);
	OPENSSL_cleanse(&fresh, sizeof(fresh));
	OPENSSL_cleanse(&keyring, sizeof(keyring));
	return r ? refusal_set_errno(refusal, -r, "%.100s cannot be written: %s", beside,
				     strerror(-r))
		 : 0;
}

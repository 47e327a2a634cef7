/* SPDX-License-Identifier: Apache-2.0 */
#include "node/keys.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/refusal.h"
#include "node/ask/request.h"
#include "node/calls.h"
#include "node/node.h"
#include "os/keyfile.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/secure.h"
#include "os/threads.h"

int keys_start(struct keys *keys, const struct node_options *options)
{
	struct refusal refusal = REFUSAL_NONE;
	struct keyring keyring;
	int r;

	assert(!keys->secure);
	keys->node = options->id;
	keys->path = options->key_path;
	if (!keys->path) {
		/* At the level that no setting hides. */
		os_log(OS_LOG_ERROR,
		       "links are plain, which is for measuring only: connections between nodes prove "
		       "nothing, anybody on the way reads and changes them, and whatever reaches the "
		       "port has this node");
		return 0;
	}
	if (!keys->path[0]) {
		os_log(OS_LOG_WARN, "no key was given: this node has links to no other (dvs key "
				    "make FILE makes one, --key FILE gives it)");
		os_keyfile_alone(&keyring);
	} else if (os_keyfile_read(keys->path, &keyring, &refusal)) {
		os_log(OS_LOG_ERROR, "%s", refusal.reason);
		return -EKEYREJECTED;
	}
	r = secure_keys_new(&keys->secure, &keyring, FRAME_CLUSTER_DEFAULT);
	explicit_bzero(&keyring, sizeof(keyring));
	return r;
}

bool keys_have_file(const struct keys *keys)
{
	return keys->path && keys->path[0];
}

/* The numbers of the keys, and never the keys. */
static void describe(const struct keys *keys, const struct keyring *keyring, struct ctl_keys *done)
{
	assert(keyring->count <= KEYRING_KEYS);
	*done = (struct ctl_keys){ .nodeid = keys->node,
				   .count = keyring->count,
				   .next = keyring->next };
	for (unsigned i = 0; i < keyring->count; i++)
		done->key[i] = keyring->key[i].id;
	snprintf(done->path, sizeof(done->path), "%s", keys->path);
}

static void take(struct keys *keys, const struct keyring *keyring, uint64_t number,
		 struct ctl_keys *done)
{
	char second[32] = "";

	assert(os_lock_protects());
	assert(number <= keys->reads);
	if (number <= keys->taken)
		return;
	keys->taken = number;
	done->ended = secure_keys_change(keys->secure, keyring);
	if (keyring->count > 1)
		snprintf(second, sizeof(second), ", %s %08x", keyring_word(keyring, 1),
			 keyring->key[1].id);
	os_log(OS_LOG_INFO, "the key file was read: primary %08x%s; %u connections had another key",
	       keyring->key[0].id, second, done->ended);
}

int keys_read_again(struct keys *keys, struct ctl_keys *done, struct refusal *why)
{
	struct keyring keyring;
	uint64_t number;
	int r;

	assert(!os_lock_is_held());
	if (!keys_have_file(keys))
		return refusal_set(why, EDVSINVAL,
				   keys->path ? "node %d was started without a key file: start it "
						"with --key FILE"
					      : "the links of node %d are plain and have no key: "
						"start it with --key FILE",
				   keys->node);
	os_lock_take(keys->lock);
	number = ++keys->reads;
	os_lock_release(keys->lock);
	r = os_keyfile_read(keys->path, &keyring, why);
	os_lock_take(keys->lock);
	if (r) {
		os_log(OS_LOG_WARN, "%s; the keys stay as they were", why->reason);
	} else {
		describe(keys, &keyring, done);
		take(keys, &keyring, number, done);
	}
	os_lock_release(keys->lock);
	explicit_bzero(&keyring, sizeof(keyring));
	return r;
}

/* In a thread of its own, because the disk may keep it waiting. */
static void *serve(void *ctx)
{
	struct request *request = ctx;
	struct keys *keys = request->requests->keys;
	struct refusal why = REFUSAL_NONE;
	struct ctl_keys done;
	int r = keys_read_again(keys, &done, &why);

	os_lock_take(keys->lock);
	if (r)
		request_refuse(request, &why);
	else
		request_end(request, 0, &done, sizeof(done), NULL, 0);
	os_lock_release(keys->lock);
	return NULL;
}

void handle_keys(struct request *request)
{
	assert(request->requests->keys);
	if (os_thread_start(serve, request) < 0)
		request_fail(request, EDVSNOMEM, "there is no memory to read the key file again");
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Links whose keys are exchanged: made anew one beside the other, kept where they cannot, and ended with their key. */

#include "base/test.h"

#include "proxy/proxy_fixture.h"

static struct keyring keyring_now, fresh;

static void set_up_ring(void)
{
	keyring_now = (struct keyring){ .count = 1, .key[0].id = 1 };
	fresh = (struct keyring){ .count = 1, .key[0].id = 2 };
	memset(keyring_now.key[0].secret, 0xa1, sizeof(keyring_now.key[0].secret));
	memset(fresh.key[0].secret, 0xb2, sizeof(fresh.key[0].secret));
	set_up();
}

static void turn(struct secure_keys *changed)
{
	keyring_turn(&keyring_now, &fresh.key[0]);
	CHECK_EQ(secure_keys_change(changed, &keyring_now), 0);
}

/* All links are up, and are of this key. */
static bool all_of_key(void *ctx)
{
	const uint32_t *key = ctx;

	if (!all_up(NULL))
		return false;
	for (int a = 0; a < NODES; a++) {
		for (int b = 0; b < NODES; b++) {
			const struct peer *peer = &node[a].proxy->peer[b];

			if (a != b && secure_identity(peer->secure)->key != *key)
				return false;
		}
	}
	return true;
}

static void test_made_anew(void)
{
	uint32_t key = 2;

	set_up_ring();
	turn(keys);
	run_for(300 * OS_MS_NS); /* a tick: the new one is accepted, and not used */
	CHECK_EQ(node[0].ups, 2);
	turn(keys);
	CHECK(run_until(all_of_key, &key));
	for (int id = 0; id < NODES; id++) {
		CHECK_EQ(node[id].downs, 2);
		CHECK_EQ(node[id].ups, 4);
	}
	turn(keys); /* ends none */
	run_for(300 * OS_MS_NS);
	CHECK_EQ(node[1].downs, 2);
	CHECK(all_of_key(&key));
	tear_down();
}

static bool is_put_off(void *ctx)
{
	(void)ctx;
	return node[0].proxy->peer[1].renew_ns > os_now_ns() + OS_SECOND_NS;
}

/* A link that is not over is not made anew with a key that the other nodes do not know. */
static void test_kept(void)
{
	uint32_t key = 2;

	keys_of_0 = keys_of(1, 0xa1);
	set_up_ring();
	turn(keys_of_0);
	turn(keys_of_0);
	CHECK(secure_is_outdated(node[0].proxy->peer[1].secure));
	CHECK(run_until(is_put_off, NULL));
	run_for(50 * OS_MS_NS);
	for (int id = 0; id < NODES; id++)
		CHECK_EQ(node[id].downs, 0);
	CHECK(all_up(NULL));
	/* They hear of it. */
	CHECK_EQ(secure_keys_change(keys, &keyring_now), 0);
	node[0].proxy->peer[1].renew_ns = node[0].proxy->peer[2].renew_ns = 0;
	CHECK(run_until(all_of_key, &key));
	tear_down();
}

static void test_ended(void)
{
	uint32_t key = 2;

	set_up_ring();
	CHECK_EQ(secure_keys_change(keys, &fresh), 6);
	CHECK(run_until(all_of_key, &key));
	for (int id = 0; id < NODES; id++)
		CHECK_EQ(node[id].downs, 2);
	tear_down();
}

int main(void)
{
	TEST(test_made_anew);
	TEST(test_kept);
	TEST(test_ended);
	return test_end();
}

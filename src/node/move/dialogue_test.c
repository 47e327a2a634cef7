/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/dialogue.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "os/plain_test.h"

#define WAIT_MS 2000

static struct secure *pair[2];
static struct refusal refusal;

static void set_up(void)
{
	plain_pair(pair);
	refusal = (struct refusal)REFUSAL_NONE;
}

static void tear_down(void)
{
	pair[0] = secure_free(pair[0]);
	pair[1] = secure_free(pair[1]);
}

static int receive_offer(struct move_offer *offer)
{
	return dialogue_receive(pair[1], MOVE_OFFER, offer, sizeof(*offer), WAIT_MS, &refusal);
}

static void test_a_record(void)
{
	struct move_offer offer = { .dcid = 7, .p_nr = 8, .name = "mover" }, got;
	uint8_t *bytes;
	uint32_t len;

	set_up();
	CHECK_EQ(dialogue_send(pair[0], MOVE_OFFER, &offer, sizeof(offer), WAIT_MS, &refusal), 0);
	CHECK_EQ(receive_offer(&got), 0);
	CHECK(!memcmp(&offer, &got, sizeof(offer)));
	CHECK_EQ(dialogue_send(pair[0], MOVE_STATE, "state", 5, WAIT_MS, &refusal), 0);
	CHECK_EQ(dialogue_receive_any(pair[1], MOVE_STATE, &bytes, &len, &refusal), 0);
	CHECK_EQ(len, 5);
	CHECK(!memcmp(bytes, "state", 5));
	free(bytes);
	tear_down();
}

/* A record of another size, or one that was damaged on its way, is not used. */
static void test_a_record_that_is_none(void)
{
	struct move_offer offer = { .dcid = 7 }, got;
	struct move_head head;

	set_up();
	CHECK_EQ(dialogue_send(pair[0], MOVE_OFFER, &offer, sizeof(offer) - 1, WAIT_MS, &refusal),
		 0);
	CHECK(receive_offer(&got) < 0);
	CHECK_EQ(refusal.error, EDVSBADREQUEST);
	tear_down();

	set_up();
	move_head_fill(&head, MOVE_OFFER, &offer, sizeof(offer));
	offer.dcid = 8;
	CHECK_EQ(secure_write_full(pair[0], &head, sizeof(head), WAIT_MS), 0);
	CHECK_EQ(secure_write_full(pair[0], &offer, sizeof(offer), WAIT_MS), 0);
	CHECK(receive_offer(&got) < 0);
	CHECK_EQ(refusal.error, EDVSBADREQUEST);
	tear_down();
}

static void test_another_version(void)
{
	struct move_offer offer = { .dcid = 7 };
	struct move_head head;

	set_up();
	move_head_fill(&head, MOVE_OFFER, &offer, sizeof(offer));
	head.version++;
	CHECK_EQ(secure_write_full(pair[0], &head, sizeof(head), WAIT_MS), 0);
	CHECK(receive_offer(&offer) < 0);
	CHECK(refusal.error == EDVSBADREQUEST);
	tear_down();
}

/* Silent and gone are the same to a move, and the sentence says which. */
static void test_a_lost_connection(void)
{
	struct move_offer offer;

	set_up();
	CHECK(dialogue_receive(pair[1], MOVE_OFFER, &offer, sizeof(offer), 10, &refusal) < 0);
	CHECK_EQ(refusal.error, EDVSNOTCONN);
	CHECK(strstr(refusal.reason, "no answer in time"));
	refusal_clear(&refusal);
	pair[0] = secure_free(pair[0]);
	CHECK(receive_offer(&offer) < 0);
	CHECK_EQ(refusal.error, EDVSNOTCONN);
	CHECK(!strstr(refusal.reason, "no answer in time"));
	tear_down();
}

/* The other node's refusal comes through with its name and its sentence. */
static void test_a_verdict(void)
{
	struct refusal bad = REFUSAL_NONE, good = REFUSAL_NONE;
	struct move_verdict verdict;

	set_up();
	CHECK_EQ(dialogue_verdict(pair[0], &good, 4321, 9), 0);
	CHECK_EQ(dialogue_await(pair[1], &verdict, WAIT_MS, &refusal), 0);
	CHECK_EQ(verdict.pid, 4321);
	CHECK_EQ(refusal.error, 0);
	refusal_set(&bad, EDVSSLOTUSED, "a backup stands by");
	CHECK_EQ(dialogue_verdict(pair[0], &bad, 0, 0), 0);
	CHECK(dialogue_await(pair[1], &verdict, WAIT_MS, &refusal) < 0);
	CHECK_EQ(refusal.error, EDVSSLOTUSED);
	CHECK(!strcmp(refusal.reason, "a backup stands by"));
	tear_down();
}

/* A peer may leave out the end of its sentence. */
static void test_a_verdict_without_an_end(void)
{
	struct move_verdict verdict = { .error = EDVSMIGRATE };

	set_up();
	memset(verdict.reason, 'x', sizeof(verdict.reason));
	CHECK_EQ(dialogue_send(pair[0], MOVE_VERDICT, &verdict, sizeof(verdict), WAIT_MS, NULL), 0);
	CHECK(dialogue_await(pair[1], &verdict, WAIT_MS, &refusal) < 0);
	CHECK_EQ(strlen(verdict.reason), sizeof(verdict.reason) - 1);
	tear_down();
}

int main(void)
{
	TEST(test_a_record);
	TEST(test_a_record_that_is_none);
	TEST(test_another_version);
	TEST(test_a_lost_connection);
	TEST(test_a_verdict);
	TEST(test_a_verdict_without_an_end);
	return test_end();
}

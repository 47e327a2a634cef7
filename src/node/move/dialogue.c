/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/dialogue.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "os/lock.h"

static int lost(struct refusal *refusal, int r)
{
	refusal_set(refusal, EDVSNOTCONN,
		    "the connection to the other node failed (%s); try again when the link is up",
		    r == -ETIMEDOUT ? "no answer in time" : strerror(-r));
	return r;
}

int dialogue_send(struct secure *secure, enum move_record record, const void *payload,
		  uint32_t bytes, int timeout_ms, struct refusal *refusal)
{
	struct move_head head;
	int r;

	assert(!os_lock_is_held());
	move_head_fill(&head, record, payload, bytes);
	r = secure_write_full(secure, &head, sizeof(head), timeout_ms);
	if (r == 0 && bytes)
		r = secure_write_full(secure, payload, bytes, timeout_ms);
	return r < 0 ? lost(refusal, r) : 0;
}

static int damaged(struct refusal *refusal)
{
	refusal_set(refusal, EDVSBADREQUEST,
		    "what the other node said was damaged on its way: its checksum is wrong; try "
		    "again");
	return -EBADMSG;
}

static int receive_head(struct secure *secure, enum move_record record, int timeout_ms,
			struct move_head *head, struct refusal *refusal)
{
	int r = secure_read_full(secure, head, sizeof(*head), timeout_ms);

	if (r < 0)
		return lost(refusal, r);
	r = move_head_check(head, record);
	if (r == -EPROTO)
		refusal_set(refusal, EDVSBADREQUEST,
			    "the other node speaks another migration protocol than version %d",
			    MOVE_VERSION);
	return r == -EBADMSG ? damaged(refusal) : r;
}

static int receive_payload(struct secure *secure, const struct move_head *head, void *payload,
			   int timeout_ms, struct refusal *refusal)
{
	int r = secure_read_full(secure, payload, head->bytes, timeout_ms);

	if (r < 0)
		return lost(refusal, r);
	return move_payload_check(head, payload) < 0 ? damaged(refusal) : 0;
}

int dialogue_receive(struct secure *secure, enum move_record record, void *payload, uint32_t size,
		     int timeout_ms, struct refusal *refusal)
{
	struct move_head head;
	int r = receive_head(secure, record, timeout_ms, &head, refusal);

	assert(!os_lock_is_held());
	if (r < 0)
		return r;
	if (head.bytes != size)
		return damaged(refusal);
	return receive_payload(secure, &head, payload, timeout_ms, refusal);
}

int dialogue_receive_any(struct secure *secure, enum move_record record, uint8_t **payloadp,
			 uint32_t *bytes, struct refusal *refusal)
{
	struct move_head head;
	int r = receive_head(secure, record, DIALOGUE_STEP, &head, refusal);
	uint8_t *payload;

	assert(!os_lock_is_held());
	if (r < 0)
		return r;
	payload = malloc(head.bytes + 1);
	if (!payload)
		return lost(refusal, -ENOMEM);
	r = receive_payload(secure, &head, payload, DIALOGUE_STEP, refusal);
	if (r < 0) {
		free(payload);
		return r;
	}
	*payloadp = payload;
	*bytes = head.bytes;
	return 0;
}

int dialogue_verdict(struct secure *secure, const struct refusal *refusal, int pid, uint64_t ns)
{
	struct move_verdict verdict = { .error = refusal->error, .pid = pid, .ns = ns };

	assert(!os_lock_is_held());
	snprintf(verdict.reason, sizeof(verdict.reason), "%s", refusal->reason);
	return dialogue_send(secure, MOVE_VERDICT, &verdict, sizeof(verdict), DIALOGUE_LAST_WORDS,
			     NULL);
}

int dialogue_want(struct secure *secure, struct refusal *refusal)
{
	const struct move_verdict verdict = { .wants = 1 };

	assert(!os_lock_is_held());
	return dialogue_send(secure, MOVE_VERDICT, &verdict, sizeof(verdict), DIALOGUE_LAST_WORDS,
			     refusal);
}

int dialogue_await(struct secure *secure, struct move_verdict *verdict, int timeout_ms,
		   struct refusal *refusal)
{
	struct move_head head;
	int r = receive_head(secure, MOVE_VERDICT, timeout_ms, &head, refusal);

	assert(!os_lock_is_held());
	if (r == 0 && head.bytes != sizeof(*verdict))
		r = damaged(refusal);
	if (r == 0)
		r = receive_payload(secure, &head, verdict, timeout_ms, refusal);
	if (r < 0)
		return r;
	verdict->reason[sizeof(verdict->reason) - 1] = 0;
	if (!verdict->error)
		return 0;
	refusal_set_number(refusal, verdict->error, "%s", verdict->reason);
	return -ECANCELED;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* dvk_getpriv and dvk_setpriv: the node that answers, and the values that may be set. */

#include <stdlib.h>
#include <string.h>

#include "node/bind/bind_rig_test.h"
#include "node/calls.h"

#define SLOT 6
#define FAR  8

static priv_usr_t *of(int p_nr)
{
	return &rig.tasks.rights.of[RIG_DC][shm_index(p_nr)];
}

static void set_up(void)
{
	rig_begin();
	rig_bind(SLOT, rig_task(os_process_id()));
	rig_bound(FAR, RIG_FAR);
}

static int get(int p_nr)
{
	return rig_run(handle_priv, rig_ask(CTL_PRIV, p_nr));
}

static int set(const priv_usr_t *priv, uint32_t bytes)
{
	struct request *request = rig_ask(CTL_PRIV, SLOT);

	request->head.cmd = 1;
	request->head.payload_bytes = bytes;
	request->payload = malloc(sizeof(*priv));
	memcpy(request->payload, priv, sizeof(*priv));
	return rig_run(handle_priv, request);
}

static void test_where_it_is_answered(void)
{
	struct request *request;

	set_up();
	CHECK_EQ(get(SLOT), 0);
	CHECK(!memcmp(rig.answer.payload, of(SLOT), sizeof(priv_usr_t)));
	CHECK_EQ(get(20), EDVSBADPROC);
	CHECK_EQ(get(SLOT + 1), EDVSDSTDIED);
	CHECK_EQ(rig.sent.kind, COMMAND_SYNC); /* it had asked before it said so */
	get(FAR);
	CHECK_EQ(rig.passed_to, RIG_FAR);
	/* Passed on once only. */
	request = rig_ask(CTL_PRIV, FAR);
	request->from = RIG_FAR;
	CHECK_EQ(rig_run(handle_priv, request), EDVSMIGRATE);
	CHECK_EQ(rig.passed_to, -1);
	rig_end();
}

static void test_what_may_be_set(void)
{
	priv_usr_t wanted, before;

	set_up();
	before = wanted = *of(SLOT);
	CHECK_EQ(set(&wanted, sizeof(wanted) - 1), EDVSBADREQUEST);
	wanted.priv_warn = 15; /* the first that is no system process */
	CHECK_EQ(set(&wanted, sizeof(wanted)), EDVSBADPROC);
	wanted.priv_warn = -5;
	CHECK_EQ(set(&wanted, sizeof(wanted)), EDVSBADPROC);
	wanted.priv_warn = 14;
	wanted.priv_level = PROXY_PRIV + 1;
	CHECK_EQ(set(&wanted, sizeof(wanted)), EDVSBADVALUE);
	wanted.priv_level = USER_PRIV - 1;
	CHECK_EQ(set(&wanted, sizeof(wanted)), EDVSBADVALUE);
	CHECK(!memcmp(of(SLOT), &before, sizeof(before)));
	wanted.priv_level = PROXY_PRIV;
	CHECK_EQ(set(&wanted, sizeof(wanted)), 0);
	CHECK_EQ(of(SLOT)->priv_warn, 14);
	CHECK_EQ(of(SLOT)->priv_level, PROXY_PRIV);
	wanted.priv_warn = NONE;
	CHECK_EQ(set(&wanted, sizeof(wanted)), 0);
	CHECK_EQ(of(SLOT)->priv_warn, NONE);
	rig_end();
}

/* The number is its slot's own: nobody sets that. */
static void test_only_what_is_the_askers(void)
{
	priv_usr_t wanted;
	int id;

	set_up();
	id = of(SLOT)->priv_id;
	wanted = *of(SLOT);
	wanted.priv_id = id + 1;
	CHECK_EQ(set(&wanted, sizeof(wanted)), 0);
	CHECK_EQ(of(SLOT)->priv_id, id);
	rig_end();
}

int main(void)
{
	TEST(test_where_it_is_answered);
	TEST(test_what_may_be_set);
	TEST(test_only_what_is_the_askers);
	return test_end();
}

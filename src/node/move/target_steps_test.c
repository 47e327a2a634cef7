/* SPDX-License-Identifier: Apache-2.0 */

/* The checks of an arriving process: its offer and its state, against the order. */

#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/bind/binding.h"
#include "node/move/dialogue.h"
#include "node/move/target_part.h"
#include "node/state/order.h"
#include "os/lock.h"
#include "os/plain_test.h"

#define OWN  2
#define FAR  4
#define DC   1
#define P_NR 7
#define LIFE 3
#define MOVE 12

static pthread_mutex_t lock;
static struct order order;
static struct bindings bindings;
static struct moves moves;
static struct target a;
static struct move_state state;

static struct directory_endpoint *endpoint(void)
{
	return &order.directory.dc[DC].slot[shm_index(P_NR)];
}

static int endpoint_number(void)
{
	return directory_endpoint_number(endpoint(), P_NR);
}

/* An offer, and then a state, as the order has it. */
static void set_up(void)
{
	order = (struct order){ .self = OWN };
	bindings = (struct bindings){ .order = &order };
	moves = (struct moves){ .lock = &lock, .order = &order, .bindings = &bindings };
	order.directory.order = 50;
	order.directory.node[FAR].up = 1;
	order.directory.dc[DC].running = 1;
	order.directory.dc[DC].generation = 8;
	order.directory.dc[DC].nodes = 1u << OWN | 1u << FAR;
	*endpoint() = (struct directory_endpoint){ .bound = 1,
						   .moving = 1,
						   .move = MOVE,
						   .node = FAR,
						   .target = OWN,
						   .generation = LIFE,
						   .vpid = 70,
						   .name = "mover" };
	state = (struct move_state){ .dcid = DC,
				     .endpoint = endpoint_number(),
				     .generation = LIFE,
				     .vpid = 70,
				     .move = MOVE };
	a = (struct target){ .moves = &moves,
			     .from = FAR,
			     .arrival[0].state = (uint8_t *)&state,
			     .offer = { .dcid = DC,
					.p_nr = P_NR,
					.endpoint = endpoint_number(),
					.vpid = 70,
					.generation = LIFE,
					.dc_generation = 8,
					.order = 50,
					.source = FAR,
					.target = OWN,
					.name = "mover" } };
}

static int offer_error(void)
{
	refusal_clear(&a.refusal);
	target_check_offer(&a);
	return a.refusal.error;
}

static void test_an_offer_as_ordered(void)
{
	set_up();
	CHECK_EQ(offer_error(), 0);
	order.directory.dc[DC].nodes = 1u << FAR;
	CHECK_EQ(offer_error(), EDVSDCNODE);
	order.directory.dc[DC].running = 0;
	CHECK_EQ(offer_error(), EDVSDCNOTRUN);
}

/* Each thing that the order knows of the endpoint. */
static void test_an_offer_of_another(void)
{
	struct move_offer good;

	set_up();
	good = a.offer;
#define OFFER_WITH(field, value)                      \
	do {                                          \
		a.offer = good;                       \
		a.offer.field = value;                \
		CHECK_EQ(offer_error(), EDVSMIGRATE); \
	} while (0)
	OFFER_WITH(endpoint, good.endpoint + 1);
	OFFER_WITH(vpid, 71);
	OFFER_WITH(generation, LIFE + 1);
	OFFER_WITH(dc_generation, 9);
	OFFER_WITH(source, OWN);
	OFFER_WITH(target, FAR);
	OFFER_WITH(name[0], 'x');
#undef OFFER_WITH
	a.offer = good;
	CHECK_EQ(offer_error(), 0);
	a.from = FAR + 1;
	CHECK_EQ(offer_error(), EDVSMIGRATE);
	a.offer.source = FAR + 1; /* it says so itself */
	CHECK_EQ(offer_error(), EDVSMIGRATE);
	a.from = a.offer.source = FAR;
	endpoint()->bound = 0;
	CHECK_EQ(offer_error(), EDVSMIGRATE);
}

static void test_this_node_is_emptied(void)
{
	set_up();
	bindings.emptied = 2;
	CHECK_EQ(offer_error(), EDVSRSCBUSY);
}

static void test_a_backup_stands_by(void)
{
	struct binding backup = { .role = BINDING_BACKUP };

	set_up();
	bindings.at[DC][shm_index(P_NR)] = &backup;
	CHECK_EQ(offer_error(), EDVSSLOTUSED);
}

static int state_error(void)
{
	refusal_clear(&a.refusal);
	target_check_state(&a);
	return a.refusal.error;
}

static void test_a_state_of_another(void)
{
	set_up();
	CHECK_EQ(state_error(), 0);
	state.vpid++;
	CHECK_EQ(state_error(), EDVSBADREQUEST);
	state.vpid--;
	state.generation++;
	CHECK_EQ(state_error(), EDVSBADREQUEST);
	state.generation--;
	state.endpoint++;
	CHECK_EQ(state_error(), EDVSBADREQUEST);
	state.endpoint--;
	state.dcid++;
	CHECK_EQ(state_error(), EDVSBADREQUEST);
}

/* The order's word may come late; it does not come when the source has left, or the endpoint's next life has begun. */
static void test_a_move_that_is_not_started(void)
{
	set_up();
	order.directory.node[FAR].up = 0;
	endpoint()->moving = 0;
	CHECK_EQ(state_error(), EDVSMIGRATE);
	order.directory.node[FAR].up = 1;
	endpoint()->moving = 1;
	endpoint()->generation++;
	CHECK_EQ(state_error(), EDVSMIGRATE);
	endpoint()->generation--;
	order.directory.node[FAR].up = 0;
	CHECK_EQ(state_error(), 0); /* it was started before the source left */
	endpoint()->target = FAR;
	CHECK_EQ(state_error(), EDVSMIGRATE);
	order.directory.node[FAR].up = 1;
	atomic_store(&a.worker.driver.step_told, true); /* the plan has lost its patience */
	CHECK_EQ(state_error(), EDVSMIGRATE);
}

/* A fellow is judged like the endpoint that the offer is of. */
static void test_a_fellow(void)
{
	struct directory_endpoint *ep;
	struct move_state its = { 0 };
	struct move_fellow *fellow;

	set_up();
	ep = &order.directory.dc[DC].slot[shm_index(P_NR + 1)];
	*ep = *endpoint();
	ep->vpid = 71;
	fellow = &a.offer.fellow[0];
	*fellow = (struct move_fellow){ directory_endpoint_number(ep, P_NR + 1), 71, LIFE, 0,
					"mover" };
	a.offer.fellows = 1;
	a.arrival[1].state = (uint8_t *)&its;
	its = state;
	its.endpoint = fellow->endpoint;
	its.vpid = 71;
	CHECK_EQ(offer_error(), 0);
	CHECK_EQ(state_error(), 0);
	fellow->vpid++;
	CHECK_EQ(offer_error(), EDVSMIGRATE);
	CHECK(strstr(a.refusal.reason, "endpoint 8"));
	CHECK_EQ(state_error(), EDVSBADREQUEST);
	fellow->vpid--;
	ep->node = OWN;
	CHECK_EQ(offer_error(), EDVSMIGRATE);
	ep->node = FAR;
	its.move++;
	CHECK_EQ(state_error(), EDVSBADREQUEST);
	its.move--;
	ep->move++; /* it is in another move */
	ep->generation++;
	CHECK_EQ(state_error(), EDVSMIGRATE);
}

static int received(const struct move_offer *offer)
{
	struct refusal ignored = REFUSAL_NONE;
	struct secure *pair[2];

	plain_pair(pair);
	a = (struct target){ .moves = &moves, .secure = pair[0], .offer = { .dcid = -1 } };
	CHECK_EQ(dialogue_send(pair[1], MOVE_OFFER, offer, sizeof(*offer), 1000, &ignored), 0);
	target_receive_offer(&a);
	secure_free(pair[0]);
	secure_free(pair[1]);
	return a.refusal.error;
}

/* Numbers are indices from here on; until they are checked no effect finds the move. */
static void test_a_malformed_offer(void)
{
	struct move_offer offer;

	set_up();
	offer = a.offer;
	memset(offer.name, 'x', sizeof(offer.name));
	CHECK_EQ(received(&offer), EDVSBADREQUEST);
	offer.name[sizeof(offer.name) - 1] = 0;
	CHECK_EQ(received(&offer), 0);
	CHECK_EQ(a.offer.dcid, DC);
	CHECK_EQ(a.worker.endpoint, P_NR);
	CHECK_EQ(a.offer.name[sizeof(a.offer.name) - 1], 0);
	offer.dcid = SHM_DCS;
	CHECK_EQ(received(&offer), EDVSBADREQUEST);
	CHECK_EQ(a.offer.dcid, -1);
	offer.dcid = -1;
	CHECK_EQ(received(&offer), EDVSBADREQUEST);
	offer.dcid = DC;
	offer.p_nr = -SHM_TASKS - 1;
	CHECK_EQ(received(&offer), EDVSBADREQUEST);
	offer.p_nr = SHM_SLOTS - SHM_TASKS;
	CHECK_EQ(received(&offer), EDVSBADREQUEST);
}

int main(void)
{
	os_lock_init(&lock);
	TEST(test_an_offer_as_ordered);
	TEST(test_an_offer_of_another);
	TEST(test_this_node_is_emptied);
	TEST(test_a_backup_stands_by);
	TEST(test_a_state_of_another);
	TEST(test_a_move_that_is_not_started);
	TEST(test_a_fellow);
	TEST(test_a_malformed_offer);
	return test_end();
}

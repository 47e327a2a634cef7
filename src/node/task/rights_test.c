/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/rights.h"

#include <stdatomic.h>

#include "base/test.h"
#include "node/state/order.h"
#include "pages/exchange.h"

/* DC 1 has the slots -4 to 19; those up to 5 are of system processes. */
#define DC     1
#define TASKS  4
#define HELPER 3
#define SERVER 5
#define USER   6
#define LAST   19
#define BEYOND 20
#define AGED   (_ENDPOINT_GENERATION_SIZE + HELPER)

static struct order order;
static struct rights rights;
static struct exchange_status *status; /* of SERVER */

static void bind_slot(int p_nr)
{
	order.directory.dc[DC].slot[shm_index(p_nr)].bound = 1;
	rights_reset(&rights, DC, p_nr);
}

static void set_up(void)
{
	order = (struct order){ 0 };
	rights = (struct rights){ .order = &order };
	order.directory.dc[DC].running = 1;
	order.directory.dc[DC].nr_tasks = TASKS;
	order.directory.dc[DC].nr_procs = BEYOND;
	order.directory.dc[DC].nr_sysprocs = TASKS + USER;
	CHECK_EQ(exchange_new(&rights.exchange, 5), 0);
	CHECK_EQ(exchange_status_new(rights.exchange, DC, SERVER, &status), 0);
	bind_slot(-TASKS);
	bind_slot(HELPER);
	bind_slot(SERVER);
	bind_slot(USER);
}

static void tear_down(void)
{
	status = exchange_status_free(rights.exchange, status);
	rights.exchange = exchange_free(rights.exchange);
}

static priv_usr_t *of(int p_nr)
{
	return &rights.of[DC][shm_index(p_nr)];
}

static void forbid_call(int p_nr, int call)
{
	of(p_nr)->priv_dvk_allowed.chunk[call / 16] &= (bitchunk_t) ~(1u << call % 16);
}

static void allow_call(int p_nr, int call)
{
	of(p_nr)->priv_dvk_allowed.chunk[call / 16] |= (bitchunk_t)(1u << call % 16);
}

static void forbid_peer(int p_nr, int peer_nr)
{
	unsigned bit = (unsigned)(peer_nr + TASKS);

	of(p_nr)->priv_ipc_to.chunk[bit / 16] &= (bitchunk_t) ~(1u << bit % 16);
}

static bool is_shown_barred(enum line_op op, int sender_nr)
{
	unsigned bit = (unsigned)shm_index(sender_nr);

	return atomic_load(&status->page->barred[op][bit / 64]) >> bit % 64 & 1;
}

static void test_system_process(void)
{
	set_up();
	CHECK(rights_is_sysproc(&rights, DC, -TASKS));
	CHECK(rights_is_sysproc(&rights, DC, SERVER));
	CHECK(!rights_is_sysproc(&rights, DC, USER));
	CHECK(!rights_is_sysproc(&rights, DC, LAST));
	order.directory.dc[DC].serve = 1;
	CHECK(rights_is_sysproc(&rights, DC, LAST));
	CHECK(!rights_is_sysproc(&rights, DC + 1, USER));
	tear_down();
}

/* The table index, which all users have in common; calls by the bits of a status page. */
static void test_defaults(void)
{
	struct status_page *page;

	set_up();
	page = status->page;
	*of(USER) = (priv_usr_t){ .priv_level = 3, .priv_warn = 2 };
	allow_call(USER, DVK_VCOPY);
	rights_reset(&rights, DC, USER);
	CHECK_EQ(of(USER)->priv_level, USER_PRIV);
	CHECK_EQ(of(USER)->priv_warn, NONE);
	CHECK_EQ(of(USER)->priv_id, TASKS + USER);
	CHECK_EQ(of(-TASKS)->priv_id, 0);
	CHECK_EQ(of(SERVER)->priv_id, TASKS + SERVER);

	uint32_t before = atomic_load(&page->rights);

	rights_fill(&rights, DC, USER, page);
	CHECK_EQ(atomic_load(&page->calls_allowed), 1ull << DVK_SENDREC | 1ull << DVK_UNBIND |
							    1ull << DVK_GETEP |
							    1ull << DVK_WAIT4BIND);
	CHECK_EQ(atomic_load(&page->sysproc), 0);
	CHECK_EQ(page->serve, 0);
	CHECK_EQ(atomic_load(&page->rights), before + 1);
	rights_fill(&rights, DC, HELPER, page);
	for (int call = 0; call < NR_DVK_CALLS; call++)
		CHECK(atomic_load(&page->calls_allowed) >> call & 1);
	CHECK_EQ(atomic_load(&page->sysproc), 1);
	CHECK_EQ(atomic_load(&page->rights), before + 2);
	tear_down();
}

/* In a DC that serves, all have the rights of a system process, and one number beyond their own slots. */
static void test_serving(void)
{
	set_up();
	order.directory.dc[DC].serve = 1;
	rights_reset(&rights, DC, LAST);
	CHECK_EQ(of(LAST)->priv_id, TASKS + USER);
	rights_fill(&rights, DC, LAST, status->page);
	CHECK(atomic_load(&status->page->calls_allowed) >> DVK_VCOPY & 1);
	CHECK_EQ(atomic_load(&status->page->sysproc), 1);
	CHECK_EQ(status->page->serve, 1);
	tear_down();
}

static void test_peers(void)
{
	set_up();
	for (int p_nr = -TASKS; p_nr < BEYOND; p_nr++)
		CHECK(rights_may_talk(&rights, DC, USER, p_nr));
	forbid_peer(USER, HELPER);
	forbid_peer(USER, -TASKS);
	for (int p_nr = -TASKS; p_nr < BEYOND; p_nr++)
		CHECK_EQ(rights_may_talk(&rights, DC, USER, p_nr),
			 p_nr != HELPER && p_nr != -TASKS);
	CHECK(rights_may_talk(&rights, DC, SERVER, HELPER)); /* another one's map */
	of(USER)->priv_ipc_to = (ipc_map_t){ { 0 } };
	CHECK(!rights_may_talk(&rights, DC, USER, SERVER));
	CHECK(rights_may_talk(&rights, DC, USER, LAST)); /* the map does not name it */
	tear_down();
}

/* As the receiver sees it: a user asks with SENDREC, and replies to nobody, even where its map allows the call. */
static void test_shown(void)
{
	set_up();
	rights_show(&rights, DC, USER);
	CHECK(is_shown_barred(LINE_OP_NONE, USER));
	CHECK(is_shown_barred(LINE_OP_SEND, USER));
	CHECK(!is_shown_barred(LINE_OP_SENDREC, USER));
	CHECK(is_shown_barred(LINE_OP_REPLY, USER));
	allow_call(USER, DVK_NOTIFY);
	allow_call(USER, DVK_SEND);
	allow_call(USER, DVK_REPLY);
	forbid_call(USER, DVK_SENDREC);
	rights_show(&rights, DC, USER);
	CHECK(!is_shown_barred(LINE_OP_NONE, USER));
	CHECK(!is_shown_barred(LINE_OP_SEND, USER));
	CHECK(is_shown_barred(LINE_OP_SENDREC, USER));
	CHECK(is_shown_barred(LINE_OP_REPLY, USER));
	rights_hide(&rights, DC, USER);
	for (int op = 0; op < SHM_BARS; op++)
		CHECK(!is_shown_barred((enum line_op)op, USER));
	rights_show(&rights, DC, HELPER);
	for (int op = 0; op < SHM_BARS; op++)
		CHECK(!is_shown_barred((enum line_op)op, HELPER));
	forbid_peer(HELPER, -TASKS); /* another one than the one that looks */
	rights_show(&rights, DC, HELPER);
	CHECK(!is_shown_barred(LINE_OP_SEND, HELPER));
	forbid_peer(HELPER, SERVER);
	rights_show(&rights, DC, HELPER);
	for (int op = 0; op < SHM_BARS; op++)
		CHECK(is_shown_barred((enum line_op)op, HELPER));
	rights_hide(&rights, DC, HELPER);
	tear_down();
}

static int copy(int p_nr, int src_ep, int dst_ep)
{
	return rights_copy_check(&rights, DC, p_nr, src_ep, dst_ep);
}

/* Each party in its turn, and each refusal before those that come after it. */
static void test_copy_refusals(void)
{
	set_up();
	CHECK_EQ(copy(HELPER, SERVER, USER), 0);
	CHECK_EQ(copy(HELPER, USER, SERVER), 0);
	CHECK_EQ(copy(HELPER, HELPER, HELPER), 0);

	CHECK_EQ(copy(USER, BEYOND, SERVER), EDVSBADCALL);
	CHECK_EQ(copy(HELPER, HARDWARE, BEYOND), EDVSBADDEST);
	CHECK_EQ(copy(HELPER, SERVER, HARDWARE), EDVSBADDEST);
	CHECK_EQ(copy(HELPER, BEYOND, SERVER), EDVSRANGE);
	CHECK_EQ(copy(HELPER, SERVER, BEYOND), EDVSRANGE);
	CHECK_EQ(copy(HELPER, SERVER, -TASKS - 1), EDVSRANGE);
	CHECK_EQ(copy(HELPER, AGED, LAST), EDVSENDPOINT);
	CHECK_EQ(copy(HELPER, SERVER, AGED), EDVSENDPOINT);
	/* All that is wrong with the source comes before the destination. */
	CHECK_EQ(copy(HELPER, LAST, AGED), EDVSSRCDIED);
	CHECK_EQ(copy(HELPER, LAST, LAST), EDVSSRCDIED);
	CHECK_EQ(copy(HELPER, LAST, SERVER), EDVSSRCDIED);
	CHECK_EQ(copy(HELPER, SERVER, LAST), EDVSDSTDIED);

	forbid_peer(HELPER, SERVER);
	CHECK_EQ(copy(HELPER, SERVER, USER), EDVSTRAPDENIED);
	CHECK_EQ(copy(HELPER, _ENDPOINT_GENERATION_SIZE + SERVER, USER), EDVSTRAPDENIED);
	CHECK_EQ(copy(HELPER, USER, SERVER), EDVSTRAPDENIED);
	CHECK_EQ(copy(HELPER, SERVER, LAST), EDVSTRAPDENIED); /* before it is told that one died */
	CHECK_EQ(copy(HELPER, USER, HELPER), 0);
	forbid_peer(HELPER, HELPER); /* itself: needs no right */
	CHECK_EQ(copy(HELPER, USER, HELPER), 0);
	forbid_call(HELPER, DVK_VCOPY);
	CHECK_EQ(copy(HELPER, USER, HELPER), EDVSBADCALL);
	allow_call(USER, DVK_VCOPY); /* the call alone makes no system process */
	CHECK_EQ(copy(USER, USER, SERVER), EDVSTRAPDENIED);
	order.directory.dc[DC].serve = 1;
	CHECK_EQ(copy(USER, USER, SERVER), 0);
	tear_down();
}

int main(void)
{
	TEST(test_system_process);
	TEST(test_defaults);
	TEST(test_serving);
	TEST(test_peers);
	TEST(test_shown);
	TEST(test_copy_refusals);
	return test_end();
}

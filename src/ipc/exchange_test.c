/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One exchange; the processes are played by operating on the lines directly, as they would through
 * their own mappings. DC 1; endpoints 3 (side 0) and 7 (side 1) unless said otherwise.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "ipc/exchange_adopt.h"
#include "ipc/exchange_table.h"
#include "os/memfd.h"

static struct exchange *exchange;
static struct exchange_channel *channel;
static struct exchange_bell *bell_3, *bell_7;

static void set_up(void)
{
	CHECK_EQ(exchange_new(&exchange, 5), 0);
	CHECK_EQ(exchange_bell(exchange, 1, 3, &bell_3), 0);
	CHECK_EQ(exchange_bell(exchange, 1, 7, &bell_7), 0);
	exchange_bell_hold(bell_3, BELL_PROCESS);
	exchange_bell_hold(bell_7, BELL_PROCESS);
	CHECK_EQ(exchange_channel(exchange, 1, 7, 3, &channel), 0);
}

static void tear_down(void)
{
	exchange = exchange_free(exchange);
}

static uint64_t post(int side, enum line_op op, uint64_t aux)
{
	message m = { .m_type = 42 };

	return line_post(&channel->page->line[side], op, &m, aux);
}

static enum line_state state(const struct channel_page *page, int side)
{
	return line_word_state(atomic_load(&page->line[side].word));
}

static int result(const struct channel_page *page, int side)
{
	return line_word_result(atomic_load(&page->line[side].word));
}

static bool news(const struct exchange_bell *bell, int from_nr)
{
	unsigned bit = (unsigned)shm_index(from_nr);

	return atomic_load(&bell->page->news[bit / 64]) >> bit % 64 & 1;
}

static bool node_news(int p_nr)
{
	unsigned bit = (unsigned)(1 * SHM_SLOTS + shm_index(p_nr));

	return atomic_load(&exchange_node_bell(exchange)->news[bit / 64]) >> bit % 64 & 1;
}

/* A second mapping, as a process has it, which lives on when the daemon lets go of the page. */
static struct channel_page *map_again(int fd)
{
	void *map = mmap(NULL, SHM_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

static void test_pages(void)
{
	struct exchange_bell *again;
	struct exchange_channel *same;

	set_up();
	CHECK_EQ(bell_3->page->magic, SHM_MAGIC_BELL);
	CHECK_EQ(bell_3->page->p_nr, 3);
	CHECK_EQ(exchange_bell(exchange, 1, 3, &again), 0);
	CHECK(again == bell_3);
	CHECK_EQ(channel->page->magic, SHM_MAGIC_CHANNEL);
	CHECK_EQ(channel->page->endpoint[0], 3);
	CHECK_EQ(channel->page->endpoint[1], 7);
	CHECK_EQ(channel->page->node[0], 5);
	CHECK_EQ(exchange_channel(exchange, 1, 3, 7, &same), 0);
	CHECK(same == channel);
	CHECK(exchange_find(exchange, 1, 3, 7) == channel);
	CHECK(exchange_find(exchange, 1, 7, 3) == channel);
	CHECK(!exchange_find(exchange, 2, 3, 7));
	CHECK_EQ(ftruncate(channel->fd, 0), -1);
	CHECK_EQ(ftruncate(channel->fd, 8192), -1);
	tear_down();
}

static void test_bad_numbers(void)
{
	struct exchange_bell *bell;
	struct exchange_channel *none;
	struct exchange_status *status;

	set_up();
	CHECK_EQ(exchange_bell(exchange, -1, 3, &bell), -EINVAL);
	CHECK_EQ(exchange_bell(exchange, SHM_DCS, 3, &bell), -EINVAL);
	CHECK_EQ(exchange_bell(exchange, 0, SHM_SLOTS - SHM_TASKS, &bell), -EINVAL);
	CHECK_EQ(exchange_bell(exchange, 0, -SHM_TASKS - 1, &bell), -EINVAL);
	CHECK_EQ(exchange_channel(exchange, 1, 3, 3, &none), -EINVAL);
	CHECK_EQ(exchange_channel(exchange, 1, 3, 500, &none), -EINVAL);
	CHECK_EQ(exchange_status_new(exchange, 1, 500, &status), -EINVAL);
	CHECK(!exchange_next(exchange, 99, 3, NULL));
	tear_down();
}

static void test_lists(void)
{
	struct exchange_channel *others[4], *at = NULL;
	unsigned seen = 0;

	set_up();
	for (int i = 0; i < 4; i++)
		CHECK_EQ(exchange_channel(exchange, 1, 3, 10 + i, &others[i]), 0);
	exchange_channel_drop(exchange, others[1]);
	while ((at = exchange_next(exchange, 1, 3, at))) {
		CHECK_EQ(exchange_side(at, 3), 0);
		seen |= 1u << at->p_nr[1];
	}
	CHECK_EQ(seen, 1u << 7 | 1u << 10 | 1u << 12 | 1u << 13);
	CHECK(!exchange_find(exchange, 1, 3, 11));
	CHECK(exchange_next(exchange, 1, 12, NULL) == others[2]);
	CHECK(!exchange_next(exchange, 1, 12, others[2]));
	tear_down();
}

static void test_identify(void)
{
	struct exchange_status *status;
	struct page_name name;
	struct stat st;
	void *map;
	int kept;

	set_up();
	CHECK_EQ(fstat(channel->fd, &st), 0);
	CHECK(exchange_identify(exchange, st.st_dev, st.st_ino, &name));
	CHECK_EQ(name.kind, PAGE_CHANNEL);
	CHECK_EQ(name.p_nr, 3);
	CHECK_EQ(name.peer_nr, 7);
	CHECK(!exchange_identify(exchange, st.st_dev + 1, st.st_ino, &name));
	CHECK_EQ(fstat(exchange_node_bell_fd(exchange), &st), 0);
	CHECK(exchange_identify(exchange, st.st_dev, st.st_ino, &name));
	CHECK_EQ(name.kind, PAGE_NODE_BELL);
	CHECK_EQ(exchange_status_new(exchange, 1, 7, &status), 0);
	CHECK_EQ(fstat(status->fd, &st), 0);
	map = map_again(status->fd);
	kept = dup(status->fd);
	CHECK(!exchange_status_free(exchange, status));
	CHECK(!exchange_identify(exchange, st.st_dev, st.st_ino, &name));
	CHECK(exchange_recall(kept, &name));
	CHECK_EQ(name.kind, PAGE_STATUS);
	CHECK_EQ(name.over, 1);
	munmap(map, SHM_PAGE_BYTES);
	close(kept);
	tear_down();
}

/* A process keeps the page of a server that has ended; then the node is busy for a long time. */
static void test_a_page_is_recalled_after_any_number_of_others(void)
{
	struct exchange_channel *passing;
	struct page_name name;
	int kept;

	set_up();
	kept = dup(channel->fd);
	exchange_endpoint_dead(exchange, 1, 7, 7);
	for (unsigned i = 0; i < 20000; i++) {
		CHECK_EQ(exchange_channel(exchange, 2, 1, 2, &passing), 0);
		exchange_channel_drop(exchange, passing);
	}
	CHECK(exchange_recall(kept, &name));
	CHECK(name.kind == PAGE_CHANNEL && name.over);
	CHECK(name.dcid == 1 && name.endpoint[0] == 3 && name.endpoint[1] == 7);
	close(kept);
	tear_down();
}

/* What a process writes into the page is not believed further than a name goes. */
static void test_what_is_recalled_is_in_range(void)
{
	struct channel_page *page;
	struct page_name name;
	int other = os_memfd_new("dvs-channel", SHM_PAGE_BYTES * 2);
	int plain = memfd_create("dvs-channel", 0);

	set_up();
	page = channel->page;
	CHECK(exchange_recall(channel->fd, &name));
	page->dcid = SHM_DCS;
	CHECK(!exchange_recall(channel->fd, &name));
	page->dcid = 1;
	page->endpoint[1] = SHM_SLOTS - SHM_TASKS;
	CHECK(!exchange_recall(channel->fd, &name));
	page->endpoint[1] = 2; /* side 0 is the lower slot */
	CHECK(!exchange_recall(channel->fd, &name));
	page->endpoint[1] = 7;
	page->version++;
	CHECK(!exchange_recall(channel->fd, &name));
	page->version--;
	page->magic = SHM_MAGIC_BELL; /* bells last as long as their exchange */
	CHECK(!exchange_recall(channel->fd, &name));
	page->magic = SHM_MAGIC_CHANNEL;
	CHECK(exchange_recall(channel->fd, &name));
	/* Of another size, not sealed, no memfd. */
	CHECK_EQ(pwrite(other, page, 64, 0), 64);
	CHECK(!exchange_recall(other, &name));
	CHECK_EQ(pwrite(plain, page, SHM_PAGE_BYTES, 0), SHM_PAGE_BYTES);
	CHECK(!exchange_recall(plain, &name));
	close(plain);
	plain = open("/dev/zero", O_RDONLY);
	CHECK(!exchange_recall(plain, &name));
	close(plain);
	close(other);
	tear_down();
}

static void test_ring(void)
{
	uint32_t seq;

	set_up();
	seq = atomic_load(&bell_7->page->seq);
	exchange_ring(exchange, bell_7, 3);
	CHECK(news(bell_7, 3));
	CHECK_EQ(atomic_load(&bell_7->page->seq), seq + 1);
	CHECK(!node_news(7));
	exchange_bell_hold(bell_7, BELL_DAEMON);
	exchange_ring(exchange, bell_7, 3);
	CHECK(node_news(7));
	CHECK_EQ(atomic_load(&exchange_node_bell(exchange)->seq), 1);
	exchange_ring(exchange, bell_7, 4000);
	CHECK_EQ(atomic_load(&bell_7->page->seq), seq + 2);
	tear_down();
}

/* Any process that was given the page may write into it. */
static void test_holder_is_not_believed(void)
{
	struct exchange_channel *other;
	uint32_t seq;

	set_up();
	atomic_store(&bell_7->page->holder, BELL_DAEMON);
	exchange_ring(exchange, bell_7, 3);
	CHECK(!node_news(7));
	seq = atomic_load(&bell_7->page->seq);
	exchange_bell_mend(bell_7);
	CHECK_EQ(atomic_load(&bell_7->page->holder), BELL_PROCESS);
	CHECK(atomic_load(&bell_7->page->seq) != seq);
	atomic_store(&bell_7->page->holder, BELL_DAEMON);
	CHECK_EQ(exchange_channel(exchange, 1, 7, 12, &other), 0);
	CHECK_EQ(other->page->node[0], 5);
	tear_down();
}

static bool shown(const struct exchange_status *status, int p_nr)
{
	unsigned bit = (unsigned)shm_index(p_nr);

	return atomic_load(&status->page->peers[bit / 64]) >> bit % 64 & 1;
}

static void test_peers_are_shown(void)
{
	struct exchange_channel *other;
	struct exchange_status *status;

	set_up();
	CHECK_EQ(exchange_status_new(exchange, 1, 7, &status), 0);
	CHECK(shown(status, 3));
	CHECK(!shown(status, 12));
	CHECK_EQ(exchange_channel(exchange, 1, 12, 7, &other), 0);
	CHECK(shown(status, 12));
	exchange_channel_drop(exchange, other);
	CHECK(!shown(status, 12));
	CHECK(shown(status, 3));
	CHECK(!exchange_status_free(exchange, status));
	tear_down();
}

static void test_hold_and_unhold(void)
{
	uint64_t seq;

	set_up();
	atomic_store(&channel->page->copy_pid[1], 77);
	atomic_store(&channel->page->copy_busy[1], 1);
	seq = post(0, LINE_OP_SEND, 0);
	CHECK_EQ(exchange_hold(exchange, 1, 7), 1);
	CHECK_EQ(state(channel->page, 0), LINE_SENT);
	CHECK_EQ(atomic_load(&channel->page->copy_pid[1]), 0);
	CHECK_EQ(atomic_load(&channel->page->node[1]), -1);
	CHECK_EQ(line_word_state(line_withdraw(&channel->page->line[0], seq)), LINE_SENT);
	exchange_ring(exchange, bell_7, 3);
	CHECK(node_news(7));
	atomic_store(&channel->page->copy_busy[1], 0);
	CHECK_EQ(exchange_hold(exchange, 1, 7), 0);

	exchange_unhold(exchange, 1, 7, 77);
	CHECK_EQ(state(channel->page, 0), LINE_FULL);
	CHECK_EQ(atomic_load(&channel->page->copy_pid[1]), 77);
	CHECK_EQ(atomic_load(&channel->page->node[1]), 5);
	CHECK_EQ(atomic_load(&bell_7->page->holder), BELL_PROCESS);
	CHECK(news(bell_7, 3));
	tear_down();
}

static void test_withdraw_while_held(void)
{
	uint64_t seq;

	set_up();
	seq = post(0, LINE_OP_SEND, 0);
	exchange_hold(exchange, 1, 7);
	atomic_store(&channel->page->withdraw[0], seq);
	exchange_unhold(exchange, 1, 7, 0);
	CHECK_EQ(state(channel->page, 0), LINE_WITHDRAWN);
	CHECK(news(bell_3, 7));
	/* What was asked for an earlier message does not touch a later one. */
	post(0, LINE_OP_SEND, 0);
	exchange_hold(exchange, 1, 7);
	exchange_unhold(exchange, 1, 7, 0);
	CHECK_EQ(state(channel->page, 0), LINE_FULL);
	tear_down();
}

/* Endpoint 7 dies in each of the states that 3's message to it can be in. */
static void test_death_of_receiver(void)
{
	struct line_image image;
	struct channel_page *page;

	for (int taken = 0; taken < 2; taken++) {
		set_up();
		page = map_again(channel->fd);
		CHECK_OR_RETURN(page);
		post(0, LINE_OP_SENDREC, 0);
		if (taken)
			CHECK(line_take(&channel->page->line[0], &image));
		exchange_endpoint_dead(exchange, 1, 7, 7);
		CHECK_EQ(state(page, 0), LINE_DONE);
		CHECK_EQ(result(page, 0), taken ? EDVSSRCDIED : EDVSDSTDIED);
		CHECK_EQ(atomic_load(&page->dead), 2);
		CHECK(news(bell_3, 7));
		CHECK(!exchange_find(exchange, 1, 3, 7));
		CHECK_EQ(atomic_load(&bell_7->page->holder), BELL_DAEMON);
		munmap(page, SHM_PAGE_BYTES);
		tear_down();
	}
}

static void test_death_after_answer(void)
{
	struct line_image image;
	struct channel_page *page;
	uint64_t seq;

	set_up();
	page = map_again(channel->fd);
	CHECK_OR_RETURN(page);
	seq = post(0, LINE_OP_SENDREC, 0);
	CHECK(line_take(&channel->page->line[0], &image));
	/* It dies between posting its answer and ending the request. */
	post(1, LINE_OP_ANSWER, seq);
	exchange_endpoint_dead(exchange, 1, 7, 7);
	CHECK_EQ(state(page, 0), LINE_DONE);
	CHECK_EQ(result(page, 0), 0);
	CHECK(line_take(&page->line[1], &image));
	CHECK_EQ(image.msg.m_type, 42);
	munmap(page, SHM_PAGE_BYTES);
	tear_down();
}

static void test_death_of_sender(void)
{
	struct line_image image;
	struct channel_page *page;

	set_up();
	page = map_again(channel->fd);
	CHECK_OR_RETURN(page);
	post(0, LINE_OP_SEND, 0);
	exchange_endpoint_dead(exchange, 1, 3, 3);
	CHECK(!line_take(&page->line[0], &image));
	CHECK_EQ(result(page, 0), EDVSSRCDIED);
	CHECK_EQ(atomic_load(&page->dead), 1);
	munmap(page, SHM_PAGE_BYTES);
	tear_down();
}

static void test_generations(void)
{
	struct exchange_channel *newer, *older;
	struct channel_page *page;
	int later = _ENDPOINT(1, 7);

	set_up();
	page = map_again(channel->fd);
	CHECK_OR_RETURN(page);
	post(0, LINE_OP_SEND, 0);
	CHECK_EQ(exchange_channel(exchange, 1, 3, later, &newer), 0);
	CHECK_EQ(newer->endpoint[1], later);
	CHECK_EQ(newer->p_nr[1], 7);
	CHECK_EQ(state(newer->page, 0), LINE_FREE);
	CHECK_EQ(result(page, 0), EDVSDSTDIED);
	CHECK_EQ(atomic_load(&page->dead), 2);
	CHECK_EQ(exchange_channel(exchange, 1, 3, 7, &older), -ESTALE);
	CHECK(exchange_find(exchange, 1, 3, 7) == newer);
	exchange_endpoint_dead(exchange, 1, 7, 7);
	CHECK(exchange_find(exchange, 1, 3, 7) == newer);
	munmap(page, SHM_PAGE_BYTES);
	tear_down();
}

/* In the status page, where the one that has ended cannot write; of the survivor alone, and never back. */
static void test_the_end_is_shown_to_the_survivor(void)
{
	struct exchange_status *survivor, *other;
	unsigned slot = (unsigned)shm_index(7);

	set_up();
	CHECK_EQ(exchange_status_new(exchange, 1, 3, &survivor), 0);
	CHECK_EQ(exchange_status_new(exchange, 1, 4, &other), 0);
	CHECK_EQ(atomic_load(&survivor->page->ended[slot]), 0);
	exchange_endpoint_dead(exchange, 1, 7, 7);
	CHECK_EQ(atomic_load(&survivor->page->ended[slot]), 1);
	CHECK_EQ(exchange_channel(exchange, 1, 3, _ENDPOINT(5, 7), &channel), 0);
	CHECK_EQ(atomic_load(&survivor->page->ended[slot]), 1);
	CHECK_EQ(exchange_channel(exchange, 1, 3, _ENDPOINT(6, 7), &channel), 0);
	CHECK_EQ(atomic_load(&survivor->page->ended[slot]), 6);
	CHECK_EQ(atomic_load(&other->page->ended[slot]), 0);
	exchange_status_free(exchange, survivor);
	exchange_status_free(exchange, other);
	tear_down();
}

/* A process that comes with a page of the older of two channels gets one that says so, and can go on with it. */
static void test_a_remnant_is_nobodys(void)
{
	struct exchange_channel *newer;
	struct channel_page *page;
	struct page_name name;
	struct stat file;
	int fd, kept;

	set_up();
	kept = dup(channel->fd);
	CHECK_EQ(fstat(channel->fd, &file), 0);
	CHECK(exchange_identify(exchange, file.st_dev, file.st_ino, &name));
	CHECK_EQ(name.over, 0);
	CHECK_EQ(exchange_channel(exchange, 1, 3, _ENDPOINT(1, 7), &newer), 0);
	CHECK(!exchange_identify(exchange, file.st_dev, file.st_ino, &name));
	CHECK(exchange_recall(kept, &name));
	CHECK_EQ(name.over, 1);
	close(kept);
	fd = exchange_remnant(exchange, &name);
	CHECK(fd >= 0);
	page = map_again(fd);
	CHECK_OR_RETURN(page);
	CHECK_EQ(atomic_load(&page->dead), 3);
	CHECK_EQ(page->endpoint[1], 7);
	CHECK_EQ(state(page, 0), LINE_FREE);
	CHECK_EQ(atomic_load(&newer->page->dead), 0);
	CHECK(exchange_recall(fd, &name));
	CHECK(name.kind == PAGE_CHANNEL && name.over);
	CHECK(exchange_find(exchange, 1, 3, 7) == newer);
	munmap(page, SHM_PAGE_BYTES);
	close(fd);
	tear_down();
}

/* Its name comes from another node. */
static void test_a_remnant_of_no_slot(void)
{
	struct page_name name = { .kind = PAGE_CHANNEL, .dcid = 1, .endpoint = { 3, 7 } };

	set_up();
	name.dcid = SHM_DCS;
	CHECK_EQ(exchange_remnant(exchange, &name), -EINVAL);
	name.dcid = -1;
	CHECK_EQ(exchange_remnant(exchange, &name), -EINVAL);
	name.dcid = 1;
	name.endpoint[1] = SHM_SLOTS - SHM_TASKS;
	CHECK_EQ(exchange_remnant(exchange, &name), -EINVAL);
	name.endpoint[1] = 7;
	name.endpoint[0] = -SHM_TASKS - 1;
	CHECK_EQ(exchange_remnant(exchange, &name), -EINVAL);
	tear_down();
}

/* ---- the same pages in another exchange ---- */

static struct exchange_entry listed[64];
static unsigned listed_count;

static void list(void *ctx, const struct exchange_entry *entry)
{
	(void)ctx;
	if (listed_count < 64)
		listed[listed_count++] = *entry;
}

/* As after an execve: only the descriptors are left. */
static struct exchange *succeed(void)
{
	struct exchange *successor;

	listed_count = 0;
	exchange_walk(exchange, list, NULL);
	for (unsigned i = 0; i < listed_count; i++)
		if (listed[i].fd >= 0)
			listed[i].fd = dup(listed[i].fd);
	exchange = exchange_free(exchange);
	CHECK_EQ(exchange_adopt_new(&successor, 5), 0);
	for (unsigned i = 0; i < listed_count; i++)
		CHECK_EQ(exchange_adopt(successor, &listed[i]), 0);
	return successor;
}

static bool identifies(const struct exchange_entry *entry)
{
	struct page_name name;

	return exchange_identify(exchange, entry->dev, entry->ino, &name) &&
	       name.kind == entry->name.kind && name.p_nr == entry->name.p_nr &&
	       name.peer_nr == entry->name.peer_nr;
}

static void test_pages_are_adopted(void)
{
	struct exchange_status *status;
	uint64_t seq;

	set_up();
	CHECK_EQ(exchange_status_new(exchange, 1, 7, &status), 0);
	CHECK_EQ(exchange_status_new(exchange, 1, 8, &status), 0);
	exchange_status_free(exchange, status);
	seq = post(0, LINE_OP_SENDREC, 0);
	exchange_ring(exchange, bell_7, 3);
	exchange = succeed();
	CHECK_EQ(listed_count, 5);
	for (unsigned i = 0; i < listed_count; i++)
		CHECK(identifies(&listed[i]));
	channel = exchange_find(exchange, 1, 3, 7);
	CHECK_OR_RETURN(channel);
	CHECK(exchange_next(exchange, 1, 7, NULL) == channel);
	CHECK_EQ(state(channel->page, 0), LINE_FULL);
	CHECK_EQ(line_word_seq(atomic_load(&channel->page->line[0].word)), seq);
	CHECK_EQ(exchange_bell(exchange, 1, 7, &bell_7), 0);
	CHECK(news(bell_7, 3));
	CHECK_EQ(atomic_load(&bell_7->page->holder), BELL_PROCESS);
	CHECK(exchange_adopted_status(exchange, listed[4].fd) != NULL);
	CHECK(exchange_adopted_status(exchange, listed[3].fd) == NULL);
	tear_down();
}

static void test_what_is_no_page_is_not_adopted(void)
{
	struct exchange *successor;

	set_up();
	listed_count = 0;
	exchange_walk(exchange, list, NULL);
	CHECK_EQ(exchange_adopt_new(&successor, 5), 0);
	listed[1].fd = dup(0); /* the number belongs to something else */
	CHECK_EQ(exchange_adopt(successor, &listed[1]), -EBADF);
	listed[2].name.dcid = SHM_DCS;
	CHECK_EQ(exchange_adopt(successor, &listed[2]), -EBADF);
	listed[0].fd = dup(listed[0].fd);
	CHECK_EQ(exchange_adopt(successor, &listed[0]), 0);
	listed[0].fd = dup(listed[0].fd);
	CHECK_EQ(exchange_adopt(successor, &listed[0]), -EEXIST); /* a second node bell */
	exchange_free(successor);
	tear_down();
}

int main(void)
{
	TEST(test_pages_are_adopted);
	TEST(test_what_is_no_page_is_not_adopted);
	TEST(test_pages);
	TEST(test_bad_numbers);
	TEST(test_lists);
	TEST(test_identify);
	TEST(test_a_page_is_recalled_after_any_number_of_others);
	TEST(test_what_is_recalled_is_in_range);
	TEST(test_ring);
	TEST(test_holder_is_not_believed);
	TEST(test_peers_are_shown);
	TEST(test_hold_and_unhold);
	TEST(test_withdraw_while_held);
	TEST(test_death_of_receiver);
	TEST(test_death_after_answer);
	TEST(test_death_of_sender);
	TEST(test_generations);
	TEST(test_the_end_is_shown_to_the_survivor);
	TEST(test_a_remnant_is_nobodys);
	TEST(test_a_remnant_of_no_slot);
	return test_end();
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The name of a page: while it is used, when it is over, and when another daemon takes it over. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "pages/exchange_adopt.h"
#include "pages/exchange_rig_test.h"
#include "os/memfd.h"

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

static int lowest_free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

/* The pages that were foreseen are the next ones, and are known by their names alone. */
static void test_foreseen_pages(void)
{
	struct exchange_status *status, *other;
	struct exchange_bell *bell;
	struct page_name name;
	struct stat st;
	int free_fd;

	set_up();
	exchange_foresee(exchange, 1, 9);
	exchange_foresee(exchange, 1, 7); /* which has a bell */
	free_fd = lowest_free_fd();
	CHECK_EQ(exchange_bell(exchange, 1, 9, &bell), 0);
	CHECK_EQ(exchange_status_new(exchange, 1, 9, &status), 0);
	CHECK_EQ(exchange_status_new(exchange, 1, 7, &other), 0);
	CHECK_EQ(lowest_free_fd(), free_fd);
	CHECK_EQ(bell->page->magic, SHM_MAGIC_BELL);
	CHECK_EQ(status->page->magic, SHM_MAGIC_STATUS);
	CHECK_EQ(fstat(status->fd, &st), 0);
	CHECK(exchange_identify(exchange, st.st_dev, st.st_ino, &name));
	CHECK(name.kind == PAGE_STATUS && name.p_nr == 9);
	CHECK_EQ(exchange_bell(exchange, 1, 11, &bell), 0);
	CHECK(lowest_free_fd() > free_fd);
	exchange_status_free(exchange, status);
	exchange_status_free(exchange, other);
	tear_down();
}

/* Binds that come to nothing leave a few pages, and not one each. */
static void test_pages_foreseen_in_vain(void)
{
	int first = lowest_free_fd();

	set_up();
	for (int i = 0; i < 1000; i++)
		exchange_foresee(exchange, 1, 9);
	CHECK(lowest_free_fd() < first + 100);
	tear_down();
	CHECK_EQ(lowest_free_fd(), first);
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

/* The bytes that a process writes into the page are not believed further than a name goes. */
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
	TEST(test_identify);
	TEST(test_foreseen_pages);
	TEST(test_pages_foreseen_in_vain);
	TEST(test_a_page_is_recalled_after_any_number_of_others);
	TEST(test_what_is_recalled_is_in_range);
	TEST(test_a_remnant_is_nobodys);
	TEST(test_a_remnant_of_no_slot);
	return test_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/terminals.h"

#include <string.h>

#include "base/test.h"
#include "migrate/kind.h"
#include "os/inode.h"

#define SLAVES 136

static void add_master(struct descriptions *descriptions, uint32_t number, int32_t session,
		       uint16_t rows)
{
	const struct terminal_master body = { .number = number,
					      .session = session,
					      .size = { .rows = rows } };
	struct image_description image = { .id = descriptions->count + 1,
					   .kind = IMAGE_DESCRIPTION_TERMINAL_MASTER };

	memcpy(image.body, &body, sizeof(body));
	CHECK(descriptions_add(descriptions, &image, kind_of(image.kind)));
}

static void add_slave(struct descriptions *descriptions, uint32_t number, uint32_t kind)
{
	const struct terminal_slave body = { number, kind };
	struct image_description image = { .id = descriptions->count + 1,
					   .kind = IMAGE_DESCRIPTION_TERMINAL };

	memcpy(image.body, &body, sizeof(body));
	CHECK(descriptions_add(descriptions, &image, kind_of(image.kind)));
}

static void test_found(void)
{
	struct descriptions all = { 0 };

	add_slave(&all, 4, TERMINAL_SLAVE_HUNG_UP);
	add_master(&all, 3, 0, 0);
	add_master(&all, 4, 17, 0);
	CHECK(terminals_master(&all, 4) == &all.description[2] && !terminals_master(&all, 5));
	CHECK(terminals_of_session(&all, 17) == &all.description[2]);
	CHECK(!terminals_of_session(&all, 3) && !terminals_slave(&all, 4));
	add_slave(&all, 4, TERMINAL_SLAVE_TTY);
	CHECK(terminals_slave(&all, 4) == &all.description[3]);
	descriptions_free(&all);
}

/* Terminals that nobody has as the controlling one do not count. */
static void test_same(void)
{
	struct descriptions a = { 0 }, b = { 0 };

	add_master(&a, 1, 17, 24);
	add_master(&b, 7, 0, 0);
	CHECK(!terminals_are_same(&a, &b) && !terminals_are_same(&b, &a));
	add_master(&b, 1, 17, 24);
	CHECK(terminals_are_same(&a, &b) && terminals_are_same(&b, &a));
	descriptions_clear(&b);
	add_master(&b, 1, 17, 25);
	CHECK(!terminals_are_same(&a, &b));
	descriptions_clear(&b);
	add_master(&b, 2, 17, 24);
	CHECK(!terminals_are_same(&a, &b));
	descriptions_free(&a);
	descriptions_free(&b);
}

static bool has_word(const struct inventory *one, const struct tables *tables, const char *word)
{
	struct refusal refusal = REFUSAL_NONE;

	return terminals_check(one, &tables->descriptions, &refusal) < 0 &&
	       strstr(refusal.reason, word);
}

static void test_controlling(void)
{
	struct tables tables = { 0 };
	struct inventory one = { .member = { .vpid = 17, .session = 17 },
				 .terminal = os_device(SLAVES, 4) };
	struct refusal refusal = REFUSAL_NONE;

	CHECK(has_word(&one, &tables, "other end does not move"));
	add_master(&tables.descriptions, 3, 17, 0);
	CHECK(has_word(&one, &tables, "other end does not move")); /* it is another one */
	descriptions_clear(&tables.descriptions);
	add_master(&tables.descriptions, 4, 17, 0);
	CHECK_EQ(terminals_check(&one, &tables.descriptions, &refusal), 0);
	one.terminal = 0;
	CHECK(has_word(&one, &tables, "born before"));
	one.member.session = 5;
	CHECK_EQ(terminals_check(&one, &tables.descriptions, &refusal), 0);
	tables_free(&tables);
}

int main(void)
{
	TEST(test_found);
	TEST(test_same);
	TEST(test_controlling);
	return test_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/words.h"

#include "base/test.h"

#include <string.h>

static void test_there_and_back(void)
{
	char *in[] = { (char *)"dvsd", (char *)"", (char *)"--id", (char *)"3", NULL };
	char bytes[16], *out[5];

	CHECK_EQ(words_encode(bytes, sizeof(bytes), in), 13);
	CHECK_EQ(words_decode(bytes, 13, out, 4), 4);
	for (int i = 0; i < 4; i++)
		CHECK(!strcmp(out[i], in[i]));
	CHECK(!out[4]);
}

static void test_room(void)
{
	char *in[] = { (char *)"ab", (char *)"c", NULL }, *none[] = { NULL };
	char bytes[5], *out[3];

	CHECK_EQ(words_encode(bytes, 5, in), 5);
	CHECK_EQ(words_encode(bytes, 4, in), 0);
	CHECK_EQ(words_encode(bytes, 0, in), 0);
	CHECK_EQ(words_encode(bytes, 5, none), 0);
	CHECK_EQ(words_decode(bytes, 5, out, 2), 2);
	CHECK_EQ(words_decode(bytes, 5, out, 1), -1);
	CHECK_EQ(words_decode(bytes, 5, out, 0), -1);
}

static void test_no_list(void)
{
	char open[] = { 'a', 0, 'b' }, *out[4];

	CHECK_EQ(words_decode(open, 0, out, 3), -1);
	CHECK_EQ(words_decode(open, 3, out, 3), -1);
	CHECK_EQ(words_decode(open, 2, out, 3), 1);
}

int main(void)
{
	TEST(test_there_and_back);
	TEST(test_room);
	TEST(test_no_list);
	return test_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include "base/test.h"

static struct address parsed;

static const char *parse(const char *text)
{
	return address_parse(&parsed, text, strlen(text));
}

static bool is_printed(const char *text, const char *want)
{
	char have[ADDRESS_TEXT];

	return !parse(text) && !strcmp(address_print(parsed, have), want);
}

static void test_v4(void)
{
	const uint8_t byte[] = { 10, 255, 0, 1 };

	CHECK(is_printed("10.255.0.1", "10.255.0.1"));
	CHECK(address_is_v4(parsed));
	CHECK(address_same(parsed, address_v4(byte)));
	/* The same address in the notation of IPv6 is the same. */
	CHECK(!parse("::ffff:10.255.0.1"));
	CHECK(address_same(parsed, address_v4(byte)));
	CHECK(is_printed("::ffff:aff:1", "10.255.0.1"));
	CHECK(!address_parse(&parsed, "10.255.0.1 and more", 10));
}

static void test_v6(void)
{
	static const uint8_t bytes[] = { 0x20, 1, 0x0d, 0xb8, [15] = 0x10 };

	CHECK(is_printed("2001:db8::10", "2001:db8::10"));
	CHECK(!address_is_v4(parsed));
	CHECK(!memcmp(parsed.byte, bytes, sizeof(bytes)));
	CHECK(is_printed("2001:0DB8:0:0::0010", "2001:db8::10"));
	CHECK(is_printed("fd00::1", "fd00::1"));
	CHECK(is_printed("::1", "::1"));
	CHECK(is_printed("1111:2222:3333:4444:5555:6666:7777:8888",
			 "1111:2222:3333:4444:5555:6666:7777:8888"));
}

static struct address_net net;

static const char *parse_net(const char *text)
{
	return address_net_parse(&net, text);
}

static bool has(const char *text, const char *other)
{
	return !parse_net(text) && !parse(other) && address_net_has(&net, parsed);
}

static void test_networks(void)
{
	static const char *const wrong[] = {
		"10.0.0.1",	"10.0.0.1/",   "10.0.0.1/0",	      "10.0.0.1/33",
		"10.0.0.1/24x", "10.0.0.1/-1", "10.0.0.1/4294967320", "/24",
		"fd00::1/129",	"fe80::1/64",  "224.0.0.1/24",	      "fd00::1/6 4"
	};
	char text[ADDRESS_NET_TEXT];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK(parse_net(wrong[i]));
	CHECK(!parse_net("10.0.0.5/24"));
	CHECK(!strcmp(address_net_print(&net, text), "10.0.0.5/24"));
	CHECK(!parse_net("1111:2222:3333:4444:5555:6666:7777:8888/128"));
	CHECK(!strcmp(address_net_print(&net, text),
		      "1111:2222:3333:4444:5555:6666:7777:8888/128"));
	CHECK(has("10.0.0.5/24", "10.0.0.255") && !has("10.0.0.5/24", "10.0.1.5"));
	CHECK(has("10.0.0.5/23", "10.0.1.5") && !has("10.0.0.5/23", "10.0.2.5"));
	CHECK(has("10.0.0.5/32", "10.0.0.5") && !has("10.0.0.5/32", "10.0.0.4"));
	CHECK(has("fd09::9/64", "fd09::1") && !has("fd09::9/64", "fd0a::9"));
	CHECK(has("fd09::9/1", "ff00::") == false && has("fd09::9/1", "fd00::1"));
	CHECK(!has("1.0.0.1/1", "fd00::1") && has("1.0.0.1/1", "126.0.0.1") &&
	      !has("1.0.0.1/1", "129.0.0.1"));
}

static void test_refused(void)
{
	static const char *const wrong[] = {
		"1.2.3",	  "1.2.3.4.",
		"1.2.3.4.5",	  "1.2.3.256",
		"1..3.4",	  "",
		"01.2.3.4",	  "0.0.0.0",
		"0.1.2.3",	  "224.0.0.1",
		"a.b.c.d",	  "1.2.3.4x",
		".1.2.3",	  "::",
		"ff02::1",	  ":::1",
		"12345::",	  "1:2:3:4:5",
		"::1::",	  "[::1]",
		"::1/64",	  "fe80::1",
		"febf::1",	  "fe80::1%2",
		"fd00::1%a",	  "alpha",
		"::ffff:0.0.0.0", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa"
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (!parse(wrong[i]))
			printf("# %s\n", wrong[i]);
		CHECK(parse(wrong[i]));
	}
	CHECK(address_parse(&parsed, "1.2.3.4\0", 8));
	CHECK(strstr(parse("fe80::1"), "of one link"));
	CHECK(strstr(parse("fe80::1%eth0"), "of one link"));
	CHECK(!parse("fec0::1")); /* above the addresses of a link */
}

/* A stranger of IPv4 is one address, and one of IPv6 is its /64. */
static void test_network(void)
{
	char text[ADDRESS_TEXT];

	CHECK(!parse("192.0.2.10"));
	CHECK(address_same(address_network(parsed), parsed));
	CHECK(!parse("2001:db8:1:2:3:4:5:6"));
	CHECK(!strcmp(address_print(address_network(parsed), text), "2001:db8:1:2::"));
}

static void test_none(void)
{
	char text[ADDRESS_TEXT];

	CHECK(!address_is_set(ADDRESS_NONE));
	CHECK(!address_is_v4(ADDRESS_NONE));
	CHECK(address_check(ADDRESS_NONE));
	CHECK(!strcmp(address_print(ADDRESS_NONE, text), "::"));
}

int main(void)
{
	TEST(test_v4);
	TEST(test_v6);
	TEST(test_refused);
	TEST(test_networks);
	TEST(test_network);
	TEST(test_none);
	return test_end();
}

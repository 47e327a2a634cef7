/* SPDX-License-Identifier: Apache-2.0 */
#include "base/roster.h"

#include <assert.h>
#include <string.h>

#define NUMBER_DIGITS 10

static const char no_network[] =
	"the nodes have no family of addresses in common: give each of them one of IPv4, or "
	"each one of IPv6";

/* A part of a line that ends at a blank. */
struct word {
	const char *text;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next word of a line; its length is 0 at the end. */
static struct word next_word(const char **at, const char *end)
{
	struct word word;

	assert(*at <= end);
	while (*at < end && is_blank(**at))
		++*at;
	word.text = *at;
	while (*at < end && !is_blank(**at))
		++*at;
	word.len = (size_t)(*at - word.text);
	return word;
}

static bool word_is(const struct word *word, const char *text)
{
	for (size_t i = 0; i < word->len; i++)
		if (!text[i] || text[i] != word->text[i])
			return false;
	return !text[word->len];
}

/* Digits alone, up to a greatest number. */
static bool parse_number(const struct word *word, uint64_t most, uint64_t *number)
{
	uint64_t value = 0;

	if (!word->len || word->len > NUMBER_DIGITS || (word->len > 1 && word->text[0] == '0'))
		return false;
	for (size_t i = 0; i < word->len; i++) {
		if (word->text[i] < '0' || word->text[i] > '9')
			return false;
		value = 10 * value + (uint64_t)(word->text[i] - '0');
	}
	*number = value;
	return value <= most;
}

bool roster_has_address(const struct roster_node *node, struct address address)
{
	assert(node->count <= ROSTER_ADDRESSES);
	for (unsigned i = 0; i < node->count; i++)
		if (address_same(node->address[i], address))
			return true;
	return false;
}

bool roster_meet(const struct roster_node *one, const struct roster_node *other)
{
	assert(other->count <= ROSTER_ADDRESSES);
	for (unsigned i = 0; i < other->count; i++)
		if (roster_has_address(one, other->address[i]))
			return true;
	return false;
}

const char *roster_add_address(struct roster_node *node, struct address address)
{
	if (node->count == ROSTER_ADDRESSES)
		return "a node has four addresses at most";
	if (address_check(address))
		return address_check(address);
	if (roster_has_address(node, address))
		return "the node has an address twice";
	node->address[node->count++] = address;
	return NULL;
}

const char *roster_check_name(const char *name, size_t len)
{
	static const char rule[] = "a name has 1 to 15 letters, digits, \"-\", \"_\" or \".\", and "
				   "begins with a letter";

	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && (!i || ((c < '0' || c > '9') && c != '-' && c != '_' && c != '.')))
			return rule;
	}
	return len && len < MAXNODENAME ? NULL : rule;
}

static const char *parse_addresses(struct roster_node *node, const char *at, const char *end)
{
	const char *why = NULL;

	for (struct word word = next_word(&at, end); word.len && !why; word = next_word(&at, end)) {
		struct address address;

		why = address_parse(&address, word.text, word.len);
		if (!why)
			why = roster_add_address(node, address);
	}
	return why || node->count ? why : "the node has no address";
}

static const char *parse_node(struct roster *roster, const char *at, const char *end)
{
	struct word number = next_word(&at, end), name = next_word(&at, end);
	struct roster_node node = { 0 };
	uint64_t id;
	const char *why;

	if (!parse_number(&number, NR_NODES - 1, &id))
		return "the number of a node is one from 0 to 31";
	if (roster->node[id].count)
		return "there is a node of that number already";
	why = roster_check_name(name.text, name.len);
	if (why)
		return why;
	memcpy(node.name, name.text, name.len);
	if (roster_find(roster, node.name) >= 0)
		return "there is a node of that name already";
	why = parse_addresses(&node, at, end);
	if (why)
		return why;
	if (roster_owner(roster, &node) >= 0)
		return "another node has that address already";
	roster->node[id] = node;
	return NULL;
}

static const char *parse_line(struct roster *roster, bool *numbered, const char *at,
			      const char *end)
{
	struct word word = next_word(&at, end);
	uint64_t number;

	if (!word.len || word.text[0] == '#')
		return NULL;
	if (word_is(&word, "node"))
		return parse_node(roster, at, end);
	if (!word_is(&word, "change"))
		return "a line begins with \"node\", \"change\" or \"#\"";
	word = next_word(&at, end);
	if (*numbered || !parse_number(&word, UINT32_MAX, &number) || next_word(&at, end).len)
		return "there is one line \"change\", with one number";
	*numbered = true;
	roster->change = (uint32_t)number;
	return NULL;
}

const char *roster_parse(struct roster *roster, const char *text, size_t len, int *line)
{
	const char *at = text, *limit = text + len;
	struct roster_network network[ROSTER_ADDRESSES];
	bool numbered = false;

	memset(roster, 0, sizeof(*roster));
	*line = 0;
	if (len >= ROSTER_TEXT_MAX)
		return "it is longer than a list of machines is";
	while (at < limit) {
		const char *end = memchr(at, '\n', (size_t)(limit - at));
		const char *why;

		++*line;
		end = end ? end : limit;
		why = parse_line(roster, &numbered, at, end);
		if (why)
			return why;
		at = end < limit ? end + 1 : limit;
	}
	*line = 0;
	if (!roster_count(roster))
		return "it has no node";
	return roster_networks(roster, network) ? NULL : no_network;
}

/* Appends; there is always room, see below. */
struct paper {
	char *text;
	size_t len;
};

static void put(struct paper *paper, const char *text)
{
	for (; *text; text++)
		paper->text[paper->len++] = *text;
	assert(paper->len < ROSTER_TEXT_MAX);
	paper->text[paper->len] = '\0';
}

static void put_number(struct paper *paper, uint32_t number)
{
	char text[NUMBER_DIGITS + 1], *at = text + NUMBER_DIGITS;

	*at = '\0';
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put(paper, at);
}

static const char head[] =
	"# The machines of this cluster, the same list on each of them. `dvs join` and `dvs leave` "
	"change it.\n";

/* "node 31 NAME" and addresses. */
#define NODE_LINE_MAX (8 + MAXNODENAME + ADDRESS_TEXT * ROSTER_ADDRESSES + 2)
_Static_assert(sizeof(head) + 32 + NR_NODES * NODE_LINE_MAX < ROSTER_TEXT_MAX,
	       "all nodes have room");

size_t roster_print(const struct roster *roster, char text[ROSTER_TEXT_MAX])
{
	struct paper paper = { text, 0 };
	char address[ADDRESS_TEXT];

	put(&paper, head);
	put(&paper, "change ");
	put_number(&paper, roster->change);
	for (uint32_t id = 0; id < NR_NODES; id++) {
		const struct roster_node *node = &roster->node[id];

		if (!node->count)
			continue;
		assert(node->count <= ROSTER_ADDRESSES);
		put(&paper, "\nnode ");
		put_number(&paper, id);
		put(&paper, " ");
		put(&paper, node->name);
		for (unsigned i = 0; i < node->count; i++) {
			put(&paper, " ");
			put(&paper, address_print(node->address[i], address));
		}
	}
	put(&paper, "\n");
	return paper.len;
}

const struct address *roster_address_in(const struct roster_node *node,
					const struct roster_network *network)
{
	unsigned nth = 0;

	assert(node->count <= ROSTER_ADDRESSES);
	for (unsigned i = 0; i < node->count; i++)
		if (address_is_v4(node->address[i]) == network->is_v4 && nth++ == network->nth)
			return &node->address[i];
	return NULL;
}

static bool is_shared(const struct roster *roster, const struct roster_network *network)
{
	for (int id = 0; id < NR_NODES; id++)
		if (roster->node[id].count && !roster_address_in(&roster->node[id], network))
			return false;
	return true;
}

unsigned roster_networks(const struct roster *roster,
			 struct roster_network network[ROSTER_ADDRESSES])
{
	const struct roster_node *first = roster->node;
	unsigned count = 0, of_family[2] = { 0 };

	assert(roster_count(roster));
	while (!first->count)
		first++;
	for (unsigned i = 0; i < first->count; i++) {
		bool is_v4 = address_is_v4(first->address[i]);

		network[count] = (struct roster_network){ is_v4, of_family[is_v4]++ };
		count += is_shared(roster, &network[count]);
	}
	return count;
}

unsigned roster_count(const struct roster *roster)
{
	unsigned count = 0;

	for (int id = 0; id < NR_NODES; id++)
		count += roster->node[id].count != 0;
	return count;
}

static bool same(const char *one, const char *other)
{
	for (; *one && *one == *other; one++)
		other++;
	return *one == *other;
}

int roster_find(const struct roster *roster, const char *name)
{
	for (int id = 0; id < NR_NODES; id++)
		if (roster->node[id].count && same(roster->node[id].name, name))
			return id;
	return -1;
}

int roster_owner(const struct roster *roster, const struct roster_node *node)
{
	for (int id = 0; id < NR_NODES; id++)
		if (roster_meet(&roster->node[id], node))
			return id;
	return -1;
}

int roster_free(const struct roster *roster)
{
	for (int id = 0; id < NR_NODES; id++)
		if (!roster->node[id].count)
			return id;
	return -1;
}

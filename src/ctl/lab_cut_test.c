/* SPDX-License-Identifier: Apache-2.0 */

/* dvs lab cut and heal: which cuts go into the lab's record. The lab is the test's. */

#include "ctl/labnet.h"

#include <stdlib.h>

#include "ctl/rig_test.h"

/* Notes of a run: the last cut asked for, and what was saved. */
enum {
	CUT,
	SAVED,
	A_CUT,
	B_CUT,
	UNLOCKED
};

static struct lab lab;
static int cut_fails, save_fails;

int __wrap_lab_load_node(struct lab *to, bool lock, int node, struct refusal *refusal);
int __wrap_lab_save(const struct lab *from, struct refusal *refusal);
void __wrap_lab_unlock(struct lab *of);
int __wrap_labnet_cut(const struct lab *of, int a, int b, bool cut, struct refusal *refusal);

int __wrap_lab_load_node(struct lab *to, bool lock, int node, struct refusal *refusal)
{
	if (!lock)
		abort();
	if (node < 0 || node >= LAB_NODES_MAX || !lab.node[node].used)
		return refusal_set(refusal, EDVSBADNODEID, "no node %d", node);
	*to = lab;
	return 0;
}

int __wrap_lab_save(const struct lab *from, struct refusal *refusal)
{
	rig->note[SAVED]++;
	rig->note[A_CUT] = from->cut[1];
	rig->note[B_CUT] = from->cut[2];
	return save_fails ? refusal_set(refusal, EDVSNOSPC, "the record cannot be written") : 0;
}

void __wrap_lab_unlock(struct lab *of)
{
	(void)of;
	rig->note[UNLOCKED]++;
}

int __wrap_labnet_cut(const struct lab *of, int a, int b, bool cut, struct refusal *refusal)
{
	(void)of;
	rig->note[CUT] = a * 100 + b * 10 + cut;
	return cut_fails ? refusal_set(refusal, EDVSPERM, "no right") : 0;
}

static void begin(void)
{
	memset(&lab, 0, sizeof(lab));
	for (int i = 0; i < 4; i++)
		lab.node[i].used = true;
	lab.cut[1] = 1 << 3;
	lab.cut[3] = 1 << 1;
	cut_fails = save_fails = 0;
}

static void test_words(void)
{
	begin();
	CHECK_EQ(rig_run(verb_lab_cut, "1", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_lab_cut, "1", "1", NULL), WRONG_USAGE);
	CHECK(rig_wrong("A and B are different nodes, not both 1"));
	CHECK_EQ(rig_run(verb_lab_cut, "9", "1", NULL), REFUSED);
	CHECK_EQ(rig->note[UNLOCKED], 0);
	CHECK_EQ(rig_run(verb_lab_cut, "1", "9", NULL), REFUSED);
	CHECK_EQ(rig->note[CUT], 0);
	CHECK_EQ(rig->note[UNLOCKED], 1);
	memset(lab.cut, 0xff, sizeof(lab.cut)); /* behind the last node */
	CHECK_EQ(rig_run(verb_lab_cut, "1", "16", NULL), REFUSED);
	CHECK(rig_wrong("node 16 is not in the lab"));
}

static void test_cut(void)
{
	begin();
	CHECK_EQ(rig_run(verb_lab_cut, "1", "2", NULL), DONE);
	CHECK_EQ(rig->note[CUT], 121);
	CHECK_EQ(rig->note[A_CUT], 1 << 3 | 1 << 2); /* both sides, and the others stay */
	CHECK_EQ(rig->note[B_CUT], 1 << 1);
	CHECK_EQ(rig->note[UNLOCKED], 1);
	CHECK(rig_said("nodes 1 and 2 are cut off from each other"));
	lab.cut[1] |= 1 << 2;
	lab.cut[2] |= 1 << 1;
	CHECK_EQ(rig_run(verb_lab_cut, "1", "2", NULL), DONE); /* again is no error */
	CHECK_EQ(rig->note[A_CUT], 1 << 3 | 1 << 2);
	CHECK_EQ(rig_run(verb_lab_heal, "2", "1", "--json", NULL), DONE);
	CHECK_EQ(rig->note[CUT], 210);
	CHECK_EQ(rig->note[A_CUT], 1 << 3);
	CHECK_EQ(rig->note[B_CUT], 0);
	CHECK(rig_has_number("cut", 0));
}

static void test_fails(void)
{
	begin();
	cut_fails = 1;
	CHECK_EQ(rig_run(verb_lab_cut, "1", "2", NULL), REFUSED);
	CHECK_EQ(rig->note[SAVED], 0); /* it is not cut, so the record says nothing else */
	CHECK_EQ(rig->note[UNLOCKED], 1);
	cut_fails = 0;
	save_fails = 1;
	CHECK_EQ(rig_run(verb_lab_cut, "1", "2", "--json", NULL), REFUSED);
	CHECK(rig_has_text("error", "EDVSNOSPC"));
	CHECK_EQ(rig->note[UNLOCKED], 1);
}

int main(void)
{
	TEST(test_words);
	TEST(test_cut);
	TEST(test_fails);
	return test_end();
}

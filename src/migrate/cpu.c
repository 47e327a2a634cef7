/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/cpu.h"

#include <cpuid.h>
#include <stdatomic.h>
#include <string.h>

#include "dvk/errors.h"

#define XSAVE_HEADER_END 576u
#define XFEATURES_USER	 0x2ffull /* x87, SSE, AVX, MPX, AVX-512, PKRU: all that a thread may hold */

/* One word of CPUID: which leaf and register, and the bits a program can make use of. */
static const struct word {
	uint32_t leaf, subleaf;
	unsigned reg; /* 0 eax, 1 ebx, 2 ecx, 3 edx */
	uint32_t useful;
	const char *name;
} words[IMAGE_CPU_WORDS] = {
	{ 1, 0, 2, 0x76d83203, "SSE/AVX group (CPUID 1 ecx)" },
	{ 1, 0, 3, 0x07808111, "basic group (CPUID 1 edx)" },
	{ 7, 0, 1, 0xfdaf0b39, "AVX2/AVX-512 group (CPUID 7 ebx)" },
	{ 7, 0, 2, 0x1a405f62, "AVX-512 extensions (CPUID 7 ecx)" },
	{ 7, 0, 3, 0x03c0411c, "AVX-512 extensions (CPUID 7 edx)" },
	{ 7, 1, 0, 0x00801c37, "AVX extensions (CPUID 7.1 eax)" },
	{ 0x80000001, 0, 2, 0x00210961, "extended group (CPUID 80000001 ecx)" },
	{ 0x80000001, 0, 3, 0xe8400800, "extended group (CPUID 80000001 edx)" },
};

static uint32_t read_word(const struct word *word)
{
	uint32_t registers[4] = { 0 };

	if (!__get_cpuid_count(word->leaf, word->subleaf, &registers[0], &registers[1],
			       &registers[2], &registers[3]))
		return 0;
	return registers[word->reg] & word->useful;
}

static uint64_t read_xcr0(void)
{
	uint32_t low, high, a, b, c, d;

	/* Without OSXSAVE the instruction is not there. */
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 3;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low | (uint64_t)high << 32;
}

static void take(struct image_machine *to, const struct image_machine *from)
{
	to->xfeatures = from->xfeatures;
	to->xsave_bytes = from->xsave_bytes;
	memcpy(to->xoffset, from->xoffset, sizeof(to->xoffset));
	memcpy(to->xlength, from->xlength, sizeof(to->xlength));
	memcpy(to->cpu, from->cpu, sizeof(to->cpu));
}

static void ask(struct image_machine *machine)
{
	uint32_t a, b, c, d;

	for (unsigned i = 0; i < IMAGE_CPU_WORDS; i++)
		machine->cpu[i] = read_word(&words[i]);
	machine->xfeatures = read_xcr0() & XFEATURES_USER;
	machine->xsave_bytes = XSAVE_HEADER_END;
	for (unsigned i = 0; i < IMAGE_XFEATURES; i++) {
		machine->xoffset[i] = machine->xlength[i] = 0;
		if (i < 2 || !(machine->xfeatures >> i & 1) ||
		    !__get_cpuid_count(0xd, i, &a, &b, &c, &d))
			continue;
		machine->xlength[i] = a;
		machine->xoffset[i] = b;
		if (a + b > machine->xsave_bytes)
			machine->xsave_bytes = a + b;
	}
}

/*
 * Asked once: a virtual machine hands each question to its host, and the forty of them took a tenth of a
 * millisecond while a process stood still. Of threads that ask at the same time one keeps the answer.
 */
void cpu_describe(struct image_machine *machine)
{
	enum {
		UNKNOWN,
		BUSY,
		KNOWN
	};
	static atomic_int state;
	static struct image_machine known;
	int was = UNKNOWN;

	if (atomic_load_explicit(&state, memory_order_acquire) == KNOWN) {
		take(machine, &known);
		return;
	}
	ask(machine);
	if (!atomic_compare_exchange_strong(&state, &was, BUSY))
		return;
	take(&known, machine);
	atomic_store_explicit(&state, KNOWN, memory_order_release);
}

int cpu_compare(const struct image_machine *machine, struct refusal *refusal)
{
	struct image_machine here;

	cpu_describe(&here);
	for (unsigned i = 0; i < IMAGE_CPU_WORDS; i++) {
		uint32_t missing = machine->cpu[i] & ~here.cpu[i];

		if (missing)
			return refusal_set(refusal, EDVSPROCSTS,
					   "the target's CPU lacks features the process may use: "
					   "%s, bits %#x",
					   words[i].name, missing);
	}
	if (machine->xfeatures & ~here.xfeatures)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the target's CPU or kernel lacks register sets the process may "
				   "use: %#llx",
				   (unsigned long long)(machine->xfeatures & ~here.xfeatures));
	for (unsigned i = 2; i < IMAGE_XFEATURES; i++) {
		if (!(machine->xfeatures >> i & 1))
			continue;
		if (machine->xoffset[i] != here.xoffset[i] ||
		    machine->xlength[i] != here.xlength[i])
			return refusal_set(
				refusal, EDVSPROCSTS,
				"the target's CPU lays out its registers differently (xsave "
				"component %u)",
				i);
	}
	return 0;
}

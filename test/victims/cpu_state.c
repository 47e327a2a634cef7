/* SPDX-License-Identifier: Apache-2.0 */
/* Registers: what is in them while the process is moved is in them afterwards, AVX-512 included. */
#include <cpuid.h>

#include "victims/victim.h"

static bool has_avx512(void)
{
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_AVX512F;
}

/* Fills the vector registers, spins until *moves differs from seen, and stores them again. */
static void spin_sse(const uint8_t *in, uint8_t *out, const uint32_t *moves, uint32_t seen)
{
	__asm__ volatile("movdqu (%0), %%xmm0\n\tmovdqu 16(%0), %%xmm7\n\tmovdqu 32(%0), %%xmm15\n"
			 "1:\tpause\n\tcmp %3, (%2)\n\tje 1b\n\t"
			 "movdqu %%xmm0, (%1)\n\tmovdqu %%xmm7, 16(%1)\n\tmovdqu %%xmm15, 32(%1)\n"
			 :
			 : "r"(in), "r"(out), "r"(moves), "r"(seen)
			 : "xmm0", "xmm7", "xmm15", "memory", "cc");
}

__attribute__((target("avx512f"))) static void spin_avx512(const uint8_t *in, uint8_t *out,
							   const uint32_t *moves, uint32_t seen)
{
	__asm__ volatile("vmovdqu64 (%0), %%zmm1\n\tvmovdqu64 64(%0), %%zmm31\n\t"
			 "mov $0x5aa5, %%eax\n\tkmovw %%eax, %%k3\n"
			 "1:\tpause\n\tcmp %3, (%2)\n\tje 1b\n\t"
			 "vmovdqu64 %%zmm1, (%1)\n\tvmovdqu64 %%zmm31, 64(%1)\n\t"
			 "kmovw %%k3, %%eax\n\tmov %%eax, 128(%1)\n\tvzeroupper\n"
			 :
			 : "r"(in), "r"(out), "r"(moves), "r"(seen)
			 : "eax", "memory", "cc");
}

static void spin_general(const uint32_t *moves, uint32_t seen, uint64_t out[4])
{
	register uint64_t a __asm__("r8") = 0x1111222233334444, b __asm__("r13") = ~0ull;

	__asm__ volatile("fldpi\n1:\tpause\n\tcmp %3, (%2)\n\tje 1b\n\tfstpl (%4)\n"
			 : "+r"(a), "+r"(b)
			 : "r"(moves), "r"(seen), "r"(out)
			 : "memory", "cc");
	out[1] = a;
	out[2] = b;
}

int main(void)
{
	uint8_t in[192], out[192];

	victim_begin();
	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7 + 1);
	victim_ready();
	for (unsigned round = 0; !victim_must_end(); round++) {
		uint64_t words[4] = { 0 };
		double pi;

		victim_page->verified = victim_seen;
		memset(out, 0, sizeof(out));
		if (round % 3 == 0) {
			spin_sse(in, out, &victim_page->moves, victim_seen);
			VICTIM_CHECK(memcmp(in, out, 48) == 0);
		} else if (round % 3 == 1 && has_avx512()) {
			spin_avx512(in, out, &victim_page->moves, victim_seen);
			VICTIM_CHECK(memcmp(in, out, 128) == 0);
			VICTIM_CHECK(out[128] == 0xa5 && out[129] == 0x5a);
		} else {
			spin_general(&victim_page->moves, victim_seen, words);
			memcpy(&pi, &words[0], sizeof(pi));
			VICTIM_CHECK(pi > 3.14159 && pi < 3.1416);
			VICTIM_CHECK(words[1] == 0x1111222233334444 && words[2] == ~0ull);
		}
		victim_seen = victim_page->moves;
	}
	return victim_end();
}

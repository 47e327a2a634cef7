/* SPDX-License-Identifier: Apache-2.0 */
#include "os/build_id.h"

#include <assert.h>
#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "os/open.h"

#define HEAD_BYTES 8192

/* In the notes at [at, end) of the head, each aligned to 4. */
static uint32_t find_in_notes(const uint8_t *head, uint64_t at, uint64_t end,
			      uint8_t id[OS_BUILD_ID_BYTES])
{
	Elf64_Nhdr note;

	assert(at <= end);
	while (at + sizeof(note) + 4 <= end) {
		memcpy(&note, head + at, sizeof(note));
		uint64_t name = at + sizeof(note);
		uint64_t body = name + ((note.n_namesz + 3ull) & ~3ull);

		if (body + note.n_descsz > end)
			return 0;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    memcmp(head + name, "GNU", 4) == 0 && note.n_descsz <= OS_BUILD_ID_BYTES) {
			memcpy(id, head + body, note.n_descsz);
			return note.n_descsz;
		}
		at = body + ((note.n_descsz + 3ull) & ~3ull);
	}
	return 0;
}

uint32_t os_build_id_find(const uint8_t *head, size_t bytes, uint8_t id[OS_BUILD_ID_BYTES])
{
	const Elf64_Ehdr *elf = (const void *)head;

	assert((uintptr_t)head % _Alignof(Elf64_Ehdr) == 0);
	if (bytes < sizeof(*elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG) ||
	    elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_phentsize != sizeof(Elf64_Phdr))
		return 0;
	for (unsigned i = 0; i < elf->e_phnum; i++) {
		uint64_t at = elf->e_phoff + i * sizeof(Elf64_Phdr);
		Elf64_Phdr segment;

		if (at > bytes - sizeof(segment))
			return 0;
		memcpy(&segment, head + at, sizeof(segment));
		if (segment.p_type != PT_NOTE || segment.p_offset > bytes ||
		    segment.p_filesz > bytes - segment.p_offset)
			continue;
		uint32_t length = find_in_notes(head, segment.p_offset,
						segment.p_offset + segment.p_filesz, id);

		if (length)
			return length;
	}
	return 0;
}

uint32_t os_build_id(int fd, uint8_t id[OS_BUILD_ID_BYTES])
{
	uint8_t head[HEAD_BYTES] __attribute__((aligned(16)));
	int file = os_open_again(fd, OS_OPEN_READ);

	if (file < 0)
		return 0;
	ssize_t got = os_read_at(file, head, sizeof(head), 0);

	close(file);
	return got > 0 ? os_build_id_find(head, (size_t)got, id) : 0;
}

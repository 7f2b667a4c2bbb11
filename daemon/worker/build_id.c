#include "worker/build_id.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct search {
	uintptr_t address;
	char *ret;
	size_t size;
};

static bool holds(const struct dl_phdr_info *info, uintptr_t address)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + header->p_vaddr;

		if (header->p_type == PT_LOAD && address >= start &&
			address - start < header->p_memsz) {
			return true;
		}
	}
	return false;
}

static void write_hex(const unsigned char *bytes, size_t count, const struct search *search)
{
	for (size_t i = 0; i < count && 2 * i + 2 < search->size; i++) {
		snprintf(search->ret + 2 * i, 3, "%02x", bytes[i]);
	}
}

static size_t padded(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

static void read_notes(const char *notes, size_t left, const struct search *search)
{
	while (left >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const void *)notes;
		size_t name = padded(note->n_namesz), size;

		size = sizeof(*note) + name + padded(note->n_descsz);
		if (size > left) {
			return;
		}
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
			memcmp(note + 1, "GNU", 4) == 0) {
			write_hex((const unsigned char *)(note + 1) + name, note->n_descsz, search);
			return;
		}
		notes += size;
		left -= size;
	}
}

static int look(struct dl_phdr_info *info, size_t size, void *context)
{
	const struct search *search = context;

	if (!holds(info, search->address)) {
		return 0;
	}
	for (unsigned i = 0; i < info->dlpi_phnum && !search->ret[0]; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		if (header->p_type == PT_NOTE) {
			read_notes((const char *)(info->dlpi_addr + header->p_vaddr),
				header->p_memsz, search);
		}
	}
	return 1;
}

void build_id_of(const void *address, char *ret, size_t size)
{
	struct search search = { (uintptr_t)address, ret, size };

	ret[0] = '\0';
	dl_iterate_phdr(look, &search);
}

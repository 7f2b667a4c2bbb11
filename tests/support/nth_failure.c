/*
 * nth_failure - the n-th call for memory, a descriptor or a byte fails, once
 *
 * Preloaded. The file named by ONCED_TEST_NTH_FAILURE holds a plan, mapped by every process that is
 * given it: whose calls count, which of them fails, and how far it is. Counted are the calls that
 * the program itself makes: its table of imported functions gets the ones below; libraries keep
 * theirs. One count goes through all processes, so that a worker that ended of it starts again
 * unharmed. tests/support/nth_failure.py writes and reads the plan; a test in C that is linked with
 * it makes its own.
 */
#include "nth_failure.h"

#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STACK_MAX = 24 };

static struct nth_plan *plan;
static const char *role = "main";
static uintptr_t base, program_end;

/* ---- what counts, and what fails ---- */

static size_t program_stack(uint64_t stack[NTH_DEPTH_MAX])
{
	void *frames[STACK_MAX];
	int count = backtrace(frames, STACK_MAX);
	size_t depth = 0;

	memset(stack, 0, NTH_DEPTH_MAX * sizeof(*stack));
	for (int i = 0; i < count && depth < NTH_DEPTH_MAX; i++) {
		if ((uintptr_t)frames[i] >= base && (uintptr_t)frames[i] < program_end) {
			stack[depth++] = (uintptr_t)frames[i] - base;
		}
	}
	return depth;
}

/* Nobody called from there before. A full table knows everybody. */
static bool is_new_place(const uint64_t stack[NTH_DEPTH_MAX])
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < NTH_DEPTH_MAX; i++) {
		hash = (hash ^ stack[i]) * 0x100000001b3u;
		hash ^= hash >> 29;
	}
	hash |= 1;
	for (size_t i = 0; i < NTH_PLACES_MAX; i++) {
		uint64_t there = 0;

		if (atomic_compare_exchange_strong(
			    &plan->places[(hash + i) % NTH_PLACES_MAX], &there, hash)) {
			return true;
		}
		if (there == hash) {
			return false;
		}
	}
	return false;
}

/* This call is the one; errno is set. */
static bool fails(const char *what, int error)
{
	uint64_t stack[NTH_DEPTH_MAX] = { 0 };

	if (!atomic_load(&plan->is_armed) || (plan->role[0] && strcmp(plan->role, role) != 0)) {
		return false;
	}
	if (plan->by_place) {
		program_stack(stack);
		if (!is_new_place(stack)) {
			return false;
		}
	}
	if (atomic_fetch_add(&plan->count, 1) + 1 != plan->at) {
		return false;
	}
	program_stack(stack);
	memcpy(plan->stack, stack, sizeof(stack));
	snprintf(plan->what, sizeof(plan->what), "%s", what);
	atomic_store(&plan->fired, (uint64_t)getpid());
	errno = error;
	return true;
}

/* ---- the functions ---- */

#define STAND_IN(type, name, error, failed, parameters, ...)                                       \
	static type nth_##name parameters                                                          \
	{                                                                                          \
		return fails(#name, error) ? failed : name(__VA_ARGS__);                           \
	}

#define STAND_IN_BLOCK(type, name, parameters, ...)                                                \
	static type nth_##name parameters                                                          \
	{                                                                                          \
		return fails(#name, ENOMEM) ? NULL : nth_block_made(name(__VA_ARGS__));            \
	}

STAND_IN_BLOCK(void *, malloc, (size_t size), size)
STAND_IN_BLOCK(void *, calloc, (size_t count, size_t size), count, size)
STAND_IN_BLOCK(void *, aligned_alloc, (size_t align, size_t size), align, size)
STAND_IN_BLOCK(char *, strdup, (const char *s), s)
STAND_IN_BLOCK(char *, strndup, (const char *s, size_t max), s, max)

static void *nth_realloc(void *old, size_t size)
{
	if (fails("realloc", ENOMEM)) {
		return NULL;
	}
	nth_block_freed((uintptr_t)old);
	return nth_block_made(realloc(old, size));
}

static void nth_free(void *block)
{
	nth_block_freed((uintptr_t)block);
	free(block);
}

STAND_IN(ssize_t, read, EIO, -1, (int fd, void *to, size_t size), fd, to, size)
STAND_IN(ssize_t, pread, EIO, -1, (int fd, void *to, size_t size, off_t at), fd, to, size, at)
STAND_IN(ssize_t, recv, ECONNRESET, -1, (int fd, void *to, size_t size, int flags), fd, to, size,
	flags)
STAND_IN(ssize_t, write, ENOSPC, -1, (int fd, const void *from, size_t size), fd, from, size)
STAND_IN(ssize_t, pwrite, ENOSPC, -1, (int fd, const void *from, size_t size, off_t at), fd, from,
	size, at)
STAND_IN(ssize_t, send, ENOBUFS, -1, (int fd, const void *from, size_t size, int flags), fd, from,
	size, flags)
STAND_IN(FILE *, fopen, EMFILE, NULL, (const char *path, const char *mode), path, mode)
STAND_IN(DIR *, opendir, EMFILE, NULL, (const char *path), path)
STAND_IN(int, socket, EMFILE, -1, (int domain, int type, int protocol), domain, type, protocol)
STAND_IN(int, socketpair, EMFILE, -1, (int domain, int type, int protocol, int *fds), domain, type,
	protocol, fds)
STAND_IN(int, connect, ECONNREFUSED, -1, (int fd, const struct sockaddr *to, socklen_t len), fd, to,
	len)
STAND_IN(int, bind, EADDRINUSE, -1, (int fd, const struct sockaddr *to, socklen_t len), fd, to, len)
STAND_IN(int, listen, EADDRINUSE, -1, (int fd, int backlog), fd, backlog)
STAND_IN(int, pipe2, EMFILE, -1, (int *fds, int flags), fds, flags)
STAND_IN(int, eventfd, EMFILE, -1, (unsigned value, int flags), value, flags)
STAND_IN(int, signalfd, EMFILE, -1, (int fd, const sigset_t *set, int flags), fd, set, flags)
STAND_IN(int, memfd_create, EMFILE, -1, (const char *name, unsigned flags), name, flags)
STAND_IN(int, dup3, EMFILE, -1, (int from, int to, int flags), from, to, flags)
STAND_IN(void *, mmap, ENOMEM, MAP_FAILED,
	(void *at, size_t size, int may, int flags, int fd, off_t offset), at, size, may, flags, fd,
	offset)
STAND_IN(int, ftruncate, ENOSPC, -1, (int fd, off_t size), fd, size)
STAND_IN(int, posix_fallocate, ENOSPC, ENOSPC, (int fd, off_t from, off_t size), fd, from, size)
STAND_IN(int, fsync, EIO, -1, (int fd), fd)
STAND_IN(int, rename, ENOSPC, -1, (const char *from, const char *to), from, to)
STAND_IN(int, mkdir, ENOSPC, -1, (const char *path, mode_t mode), path, mode)
STAND_IN(pid_t, fork, EAGAIN, -1, (void))
STAND_IN(int, execve, ENOMEM, -1, (const char *path, char *const *argv, char *const *env), path,
	argv, env)
STAND_IN(int, pthread_create, EAGAIN, EAGAIN,
	(pthread_t * ret, const pthread_attr_t *attr, void *(*run)(void *), void *context), ret,
	attr, run, context)

static int nth_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	return fails("open", EMFILE) ? -1 : open(path, flags, mode);
}

static int nth_openat(int at, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	return fails("openat", EMFILE) ? -1 : openat(at, path, flags, mode);
}

static int nth_vasprintf(char **ret, const char *format, va_list args)
{
	int len = fails("vasprintf", ENOMEM) ? -1 : vasprintf(ret, format, args);

	if (len >= 0) {
		(void)nth_block_made(*ret);
	}
	return len;
}

static int nth_asprintf(char **ret, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = nth_vasprintf(ret, format, args);
	va_end(args);
	return len;
}

static int nth_asprintf_chk(char **ret, int flag, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = nth_vasprintf(ret, format, args);
	va_end(args);
	return len;
}

static int nth_vasprintf_chk(char **ret, int flag, const char *format, va_list args)
{
	return nth_vasprintf(ret, format, args);
}

/* So that dlerror() has something to say. */
static void *nth_dlopen(const char *path, int flags)
{
	return dlopen(fails("dlopen", ENOMEM) ? "/nonexistent/nth_failure.so" : path, flags);
}

static const struct {
	const char *name;
	void *function;
} stand_ins[] = {
	{ "malloc", nth_malloc },
	{ "calloc", nth_calloc },
	{ "realloc", nth_realloc },
	{ "aligned_alloc", nth_aligned_alloc },
	{ "strdup", nth_strdup },
	{ "strndup", nth_strndup },
	{ "free", nth_free },
	{ "asprintf", nth_asprintf },
	{ "__asprintf_chk", nth_asprintf_chk },
	{ "vasprintf", nth_vasprintf },
	{ "__vasprintf_chk", nth_vasprintf_chk },
	{ "read", nth_read },
	{ "pread", nth_pread },
	{ "pread64", nth_pread },
	{ "recv", nth_recv },
	{ "write", nth_write },
	{ "pwrite", nth_pwrite },
	{ "pwrite64", nth_pwrite },
	{ "send", nth_send },
	{ "fopen", nth_fopen },
	{ "fopen64", nth_fopen },
	{ "opendir", nth_opendir },
	{ "open", nth_open },
	{ "open64", nth_open },
	{ "openat", nth_openat },
	{ "openat64", nth_openat },
	{ "socket", nth_socket },
	{ "socketpair", nth_socketpair },
	{ "connect", nth_connect },
	{ "bind", nth_bind },
	{ "listen", nth_listen },
	{ "pipe2", nth_pipe2 },
	{ "eventfd", nth_eventfd },
	{ "signalfd", nth_signalfd },
	{ "memfd_create", nth_memfd_create },
	{ "dup3", nth_dup3 },
	{ "mmap", nth_mmap },
	{ "mmap64", nth_mmap },
	{ "ftruncate", nth_ftruncate },
	{ "ftruncate64", nth_ftruncate },
	{ "posix_fallocate", nth_posix_fallocate },
	{ "posix_fallocate64", nth_posix_fallocate },
	{ "fsync", nth_fsync },
	{ "rename", nth_rename },
	{ "mkdir", nth_mkdir },
	{ "fork", nth_fork },
	{ "execve", nth_execve },
	{ "pthread_create", nth_pthread_create },
	{ "dlopen", nth_dlopen },
};

/* ---- the program's table of imported functions ---- */

struct imports {
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Rela) * tables[2]; /* of calls, of everything else */
	size_t sizes[2];
};

/* The loader may have put the addresses in, or left offsets. */
static const void *place_of(ElfW(Addr) value)
{
	return (const void *)(value < base ? base + value : value);
}

static void read_dynamic(const ElfW(Dyn) * entry, struct imports *ret)
{
	for (; entry->d_tag != DT_NULL; entry++) {
		switch (entry->d_tag) {
		case DT_SYMTAB:
			ret->symbols = place_of(entry->d_un.d_ptr);
			break;
		case DT_STRTAB:
			ret->names = place_of(entry->d_un.d_ptr);
			break;
		case DT_JMPREL:
			ret->tables[0] = place_of(entry->d_un.d_ptr);
			break;
		case DT_PLTRELSZ:
			ret->sizes[0] = entry->d_un.d_val;
			break;
		case DT_RELA:
			ret->tables[1] = place_of(entry->d_un.d_ptr);
			break;
		case DT_RELASZ:
			ret->sizes[1] = entry->d_un.d_val;
			break;
		default:
			break;
		}
	}
}

/* The table was made read-only when the program was bound. */
static void put(void **slot, void *function)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)slot & ~(page - 1);

	if (mprotect((void *)at, page, PROT_READ | PROT_WRITE) != 0) {
		abort();
	}
	*slot = function;
}

static void replace(const struct imports *imports, const ElfW(Rela) * row)
{
	const char *name = imports->names + imports->symbols[ELF64_R_SYM(row->r_info)].st_name;

	for (size_t i = 0; i < sizeof(stand_ins) / sizeof(stand_ins[0]); i++) {
		if (strcmp(stand_ins[i].name, name) == 0) {
			put((void **)(base + row->r_offset), stand_ins[i].function);
		}
	}
}

/* The first object is the program. */
static int patch_program(struct dl_phdr_info *info, size_t size, void *context)
{
	struct imports imports = { 0 };

	base = info->dlpi_addr;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_DYNAMIC) {
			read_dynamic((const ElfW(Dyn) *)(base + header->p_vaddr), &imports);
		} else if (header->p_type == PT_LOAD &&
			base + header->p_vaddr + header->p_memsz > program_end) {
			program_end = base + header->p_vaddr + header->p_memsz;
		}
	}
	for (size_t t = 0; t < 2; t++) {
		for (size_t i = 0; i < imports.sizes[t] / sizeof(ElfW(Rela)); i++) {
			if (ELF64_R_SYM(imports.tables[t][i].r_info) != 0) {
				replace(&imports, &imports.tables[t][i]);
			}
		}
	}
	return 1;
}

/* ---- the beginning ---- */

static void find_role(int argc, char **argv)
{
	static const char *const children[] = { "worker", "probe", "migrate" };

	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		if (argc > 1 && strncmp(argv[1], "--", 2) == 0 &&
			strcmp(argv[1] + 2, children[i]) == 0) {
			role = children[i];
		}
	}
}

static struct nth_plan *map_plan(int flags, int fd)
{
	void *map = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, flags, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

static void follow(struct nth_plan *its)
{
	void *frames[1];

	plan = its;
	backtrace(frames, 1); /* loads what it needs now */
	dl_iterate_phdr(patch_program, NULL);
}

struct nth_plan *nth_failure_begin(void)
{
	struct nth_plan *made = map_plan(MAP_SHARED | MAP_ANONYMOUS, -1);

	if (made) {
		follow(made);
	}
	return made;
}

void nth_failure_arm(uint64_t at)
{
	atomic_store(&plan->is_armed, 0);
	atomic_store(&plan->count, 0);
	atomic_store(&plan->fired, 0);
	memset(plan->what, 0, sizeof(plan->what));
	memset(plan->stack, 0, sizeof(plan->stack));
	memset(plan->places, 0, sizeof(plan->places));
	plan->at = at;
	atomic_store(&plan->is_armed, 1);
}

__attribute__((constructor)) static void begin(int argc, char **argv)
{
	const char *path = getenv("ONCED_TEST_NTH_FAILURE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	struct nth_plan *mapped;

	if (fd < 0) {
		return;
	}
	mapped = map_plan(MAP_SHARED, fd);
	close(fd);
	if (mapped) {
		find_role(argc, argv);
		follow(mapped);
	}
}

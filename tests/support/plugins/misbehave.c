/*
 * misbehave - a plugin that does to its worker what the event says
 *
 * `fault` in the payload, carried out before the effect is recorded:
 *
 *	segfault abort trap exit:N _exit:N smash recurse spin deadlock
 *	sleep:SECONDS	and is done
 *	alloc		takes memory until somebody ends it
 *	leak:MIB	takes so much, keeps it, and is done
 *	corrupt		breaks the heap and is done: others find out
 *	once:WHAT	WHAT, if the file in parameter `gate` is there; it is removed
 *
 * While the file in parameter `lack` is there, its open() says that a thread is missing.
 *
 * With MISBEHAVE_BATCH it takes its events by handle_batch() and carries them out one by one.
 *
 * The effect is a row of table `effects`, as the scenarios' SQL handler writes it.
 */
#include <onced/handler.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct misbehave {
	const char *gate;
	int path_n, path_fault, statement;
};

static void do_segfault(const char *argument)
{
	volatile int *nowhere = (volatile int *)16;

	*nowhere = 1;
}

static void do_abort(const char *argument)
{
	abort();
}

static void do_trap(const char *argument)
{
	__builtin_trap();
}

static void do_exit(const char *argument)
{
	exit(atoi(argument));
}

static void do_exit_at_once(const char *argument)
{
	_exit(atoi(argument));
}

static void do_smash(const char *argument)
{
	char small[16];

	for (volatile size_t i = 0; i < 512; i++) {
		((volatile char *)small)[i] = 'x';
	}
}

/* Until the thread's stack is used up: the signal needs one of its own. */
static long dig(volatile const char *above, long depth)
{
	volatile char frame[4096];

	frame[0] = above ? above[0] : 0;
	return depth < 0 ? 0 : dig(frame, depth + 1) + frame[0];
}

static void do_recurse(const char *argument)
{
	(void)dig(NULL, 0);
}

static void do_spin(const char *argument)
{
	for (volatile unsigned long i = 0;; i++) {
	}
}

static void do_deadlock(const char *argument)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&mutex);
	pthread_mutex_lock(&mutex);
}

static void do_sleep(const char *argument)
{
	double seconds = atof(argument);
	struct timespec left = { (time_t)seconds,
		(long)((seconds - (double)(time_t)seconds) * 1e9) };

	nanosleep(&left, NULL);
}

static void do_alloc(const char *argument)
{
	for (;;) {
		char *block = malloc(1 << 20);
		if (block) {
			memset(block, 1, 1 << 20);
		}
	}
}

static void do_leak(const char *argument)
{
	size_t size = (size_t)atoi(argument) << 20;
	static char *volatile kept;

	kept = malloc(size);
	memset(kept, 1, size);
}

/* What free() finds in front of its block is not what malloc() put there. */
static void do_corrupt(const char *argument)
{
	static char *volatile broken;

	broken = malloc(4000);
	for (volatile int i = 4000; i < 4064; i++) {
		broken[i] = 'x';
	}
	/* others of this thread take memory behind it sooner or later */
}

static const struct fault {
	const char *name;
	void (*commit)(const char *argument);
} faults[] = {
	{ "segfault", do_segfault },
	{ "abort", do_abort },
	{ "trap", do_trap },
	{ "exit", do_exit },
	{ "_exit", do_exit_at_once },
	{ "smash", do_smash },
	{ "recurse", do_recurse },
	{ "spin", do_spin },
	{ "deadlock", do_deadlock },
	{ "sleep", do_sleep },
	{ "alloc", do_alloc },
	{ "leak", do_leak },
	{ "corrupt", do_corrupt },
};

static void commit_fault(const struct misbehave *state, const char *text)
{
	const char *colon;
	size_t length;

	if (strncmp(text, "once:", 5) == 0) {
		if (unlink(state->gate) < 0) {
			return;
		}
		text += 5;
	}
	colon = strchr(text, ':');
	length = colon ? (size_t)(colon - text) : strlen(text);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (strlen(faults[i].name) == length &&
			strncmp(faults[i].name, text, length) == 0) {
			faults[i].commit(colon ? colon + 1 : "");
		}
	}
}

static int misbehave_open(struct onced_setup *setup, void **ret_state)
{
	struct misbehave *state = calloc(1, sizeof(*state));
	const char *lack = onced_setup_param(setup, "lack");

	if (!state) {
		return onced_setup_fail(setup, "no memory");
	}
	if (lack && access(lack, F_OK) == 0) {
		free(state);
		(void)onced_setup_fail(setup, "no thread is left");
		return -EAGAIN;
	}
	*ret_state = state;
	state->gate = onced_setup_param(setup, "gate");
	state->path_n = onced_need_path(setup, "payload.n");
	state->path_fault = onced_need_path(setup, "payload.fault");
	state->statement = onced_need_statement(setup,
		"INSERT INTO effects (event_id, topic, partition, \"offset\", key, n) "
		"VALUES ($1, $2, $3, $4, $5, $6)",
		6, 1, 1);
	return state->path_n < 0 || state->path_fault < 0 || state->statement < 0 ? -1 : 0;
}

static void misbehave_close(void *state)
{
	free(state);
}

static struct onced_value text_value(struct onced_bytes text)
{
	return (struct onced_value){ text.data ? ONCED_VALUE_TEXT : ONCED_VALUE_NULL, text };
}

static struct onced_value number(long long n, char room[24])
{
	int length = snprintf(room, 24, "%lld", n);

	return (struct onced_value){ ONCED_VALUE_NUMBER, { room, (size_t)length } };
}

static void misbehave_handle(
	void *opaque, const struct onced_event *event, struct onced_outcome *outcome)
{
	const struct misbehave *state = opaque;
	char partition[24], offset[24], fault[64];
	struct onced_bytes text, n;

	if (onced_event_path(event, state->path_fault, &text) == ONCED_STRING) {
		snprintf(fault, sizeof(fault), "%.*s", (int)text.len, text.data);
		commit_fault(state, fault);
	}
	onced_event_path(event, state->path_n, &n);
	onced_tx_send(event, state->statement,
		(const struct onced_value[]){
			text_value(onced_event_id(event)),
			text_value(onced_event_topic(event)),
			number(onced_event_partition(event), partition),
			number(onced_event_offset(event), offset),
			text_value(onced_event_key(event)),
			{ ONCED_VALUE_NUMBER, n },
		},
		6);
}

#ifdef MISBEHAVE_BATCH
static void misbehave_handle_batch(void *state, const struct onced_event *const *events,
	struct onced_outcome *outcomes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		misbehave_handle(state, events[i], &outcomes[i]);
	}
}
#endif

static const struct onced_param_spec params[] = {
	{ .name = "gate", .help = "A file that is removed by the fault once:WHAT." },
	{ .name = "lack", .help = "A file that keeps it from opening." },
	{ 0 },
};

static const struct onced_handler misbehave = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(struct onced_handler),
	.name = "misbehave",
	.help = "Does to its worker what the event says.",
	.params = params,
	.open = misbehave_open,
#ifdef MISBEHAVE_BATCH
	.handle_batch = misbehave_handle_batch,
#else
	.handle = misbehave_handle,
#endif
	.close = misbehave_close,
};

ONCED_EXPORT_HANDLER(misbehave);

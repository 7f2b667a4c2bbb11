/*
 * stub_worker - a program that keeps the worker's side of os/proto.h and does what a test says
 *
 * Started by a real supervisor in place of onced. $STUB_DIR holds its orders and its diary: the
 * file `orders-NAME-SLOT` (or `orders-probe`, `orders-migrate`) has one word and an argument; `once
 * WORD` is obeyed by the first start that reads it. Each start appends a line to `diary`.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "os/lockfile.h"
#include "os/page.h"
#include "os/proto.h"
#include "os/statedir.h"

enum { BEAT_MS = 20 };

static volatile sig_atomic_t was_told_to_stop;

struct stub {
	const char *role; /* "--worker" */
	char name[64];
	unsigned slot;
	char word[32], argument[32]; /* the order */
	struct page *page;
	bool is_beating;
};

static void on_term(int signo)
{
	was_told_to_stop = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "stub: %s: %s\n", what, strerror(errno));
	_exit(99);
}

static FILE *open_in_dir(const char *name, const char *mode)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", getenv("STUB_DIR"), name);

	return fopen(path, mode);
}

static void read_order(struct stub *stub)
{
	_cleanup_free_ char *name = strcmp(stub->role, "--worker") == 0
		? xasprintf("orders-%s-%u", stub->name, stub->slot)
		: xasprintf("orders-%s", stub->role + 2);
	_cleanup_free_ char *path = xasprintf("%s/%s", getenv("STUB_DIR"), name);
	char first[32] = "";
	FILE *file = open_in_dir(name, "r");

	strcpy(stub->word, "serve");
	if (!file) {
		return;
	}
	if (fscanf(file, "%31s", first) == 1 && strcmp(first, "once") == 0) {
		unlink(path);
		if (fscanf(file, "%31s", first) != 1) {
			die("once what?");
		}
	}
	if (first[0]) {
		strcpy(stub->word, first);
	}
	if (fscanf(file, "%31s", stub->argument) != 1) {
		stub->argument[0] = '\0';
	}
	fclose(file);
}

/* Descriptors that are open, as "0,1,2,3,4,5". */
static void list_descriptors(char *ret, size_t size)
{
	size_t len = 0;

	ret[0] = '\0';
	for (int fd = 0; fd < 256; fd++) {
		if (fcntl(fd, F_GETFD) >= 0) {
			len += (size_t)snprintf(ret + len, size - len, "%s%d", len ? "," : "", fd);
		}
	}
}

static void write_diary(const struct stub *stub, const char *descriptors, const char *detail)
{
	FILE *file = open_in_dir("diary", "a");

	if (!file) {
		die("diary");
	}
	fprintf(file, "%s %s/%u pid=%d fds=%s notify=%s %s\n", stub->role, stub->name, stub->slot,
		(int)getpid(), descriptors, getenv("NOTIFY_SOCKET") ? "yes" : "no", detail);
	fclose(file);
}

static void send_frame(uint32_t type)
{
	struct proto_frame frame = { .type = type };

	if (proto_send(PROTO_FD_CHANNEL, &frame) < 0) {
		_exit(0); /* the supervisor is gone */
	}
}

static void send_frame_whole(const struct proto_frame *frame)
{
	if (proto_send(PROTO_FD_CHANNEL, frame) < 0) {
		_exit(0);
	}
}

static struct proto_frame receive_frame(void)
{
	struct pollfd wait = { .fd = PROTO_FD_CHANNEL, .events = POLLIN };
	struct proto_frame frame;

	if (poll(&wait, 1, 10000) <= 0 || proto_receive(PROTO_FD_CHANNEL, &frame) < 0) {
		_exit(98);
	}
	return frame;
}

/* Show a record in hand and five more in flight. */
static void fill_page(struct page *page)
{
	int index = page_partition_index(page, "stub-topic", 3);
	struct page_partition *partition = &page->partitions[index];

	atomic_store(&page->lane_count, 1);
	page_add(&partition->consumed, 6);
	atomic_store(&partition->state, PAGE_PARTITION_RUNNING);
	page->lanes[0].partition_index = (uint32_t)index;
	page_set(&page->lanes[0].offset, 42);
	page->lanes[0].attempt = 2;
	page->lanes[0].handler = (uint32_t)page_handler_index(page, "stub_handler");
	page_set(&page->lanes[0].started_us, clock_mono_us());
	atomic_store(&page->lanes[0].stage, PAGE_STAGE_HANDLER);
}

/* What it was told, in the diary of what stubs were told. */
static void write_told(const struct stub *stub, const char *what)
{
	FILE *file = open_in_dir("told", "a");

	if (!file) {
		die("told");
	}
	fprintf(file, "%s/%u %s\n", stub->name, stub->slot, what);
	fclose(file);
}

/* Answers orders with 7, but what a "mute" one is asked. */
static void hear(const struct stub *stub, const struct proto_frame *frame)
{
	struct proto_frame answer = { .type = PROTO_ANSWER };
	char what[600];

	if (frame->type == PROTO_PAUSE) {
		snprintf(what, sizeof(what), "%s [%s] %s",
			frame->pause.is_paused ? "pause" : "resume", frame->pause.topic,
			frame->pause.reason);
		write_told(stub, what);
	}
	if (frame->type == PROTO_LOG_LEVEL) {
		snprintf(what, sizeof(what), "level %u", frame->log_levels.of[LOG_MODULE_MAIN]);
		write_told(stub, what);
	}
	if (frame->type == PROTO_ORDER && strcmp(stub->word, "mute") != 0) {
		answer.answer.id = frame->order.id;
		answer.answer.number = 7;
		(void)proto_send(PROTO_FD_CHANNEL, &answer);
	}
}

/* A pause of its own, as a breaker's; and things that can be none. */
static void speak(void)
{
	struct proto_frame frame = { .type = PROTO_PAUSE,
		.pause = {
			.partition = -1, .is_paused = 1, .who = "breaker", .reason = "enough" } };

	frame.pause.since_ms = INT64_MAX;
	send_frame_whole(&frame);
	frame.pause.since_ms = clock_wall_ms();
	frame.pause.partition = 5;
	send_frame_whole(&frame);
	frame.pause.partition = -1;
	send_frame_whole(&frame);
	frame = (struct proto_frame){ .type = PROTO_ANSWER, .answer = { .id = 1234567 } };
	send_frame_whole(&frame);
}

static void serve(struct stub *stub, bool is_deaf)
{
	struct pollfd wait = { .fd = PROTO_FD_CHANNEL, .events = POLLIN };
	struct proto_frame frame;

	for (;;) {
		int r;

		if (stub->is_beating) {
			page_set(&stub->page->heartbeat_us, clock_mono_us());
		}
		if (was_told_to_stop && !is_deaf) {
			break;
		}
		(void)poll(&wait, 1, BEAT_MS);
		r = proto_receive(PROTO_FD_CHANNEL, &frame);
		if (r == -EPIPE) {
			_exit(0);
		}
		if (r == 0 && frame.type == PROTO_DRAIN && !is_deaf) {
			write_told(stub, frame.drain.is_leaving ? "leave" : "drain");
			break;
		}
		if (r == 0) {
			hear(stub, &frame);
		}
		if (r == -EAGAIN) {
			(void)poll(NULL, 0, 1);
		}
	}
	send_frame(PROTO_DRAINED);
	_exit(0);
}

static void last_words(int status, const char *text)
{
	struct proto_frame frame = { .type = PROTO_FAILED, .failed.exit_status = status };

	snprintf(frame.failed.text, sizeof(frame.failed.text), "%s", text);
	(void)proto_send(PROTO_FD_CHANNEL, &frame);
	_exit(status);
}

static void obey(struct stub *stub)
{
	if (strcmp(stub->word, "exit") == 0) {
		last_words(atoi(stub->argument), "as told");
	}
	if (strcmp(stub->word, "crash") == 0) {
		fill_page(stub->page);
		signal(SIGABRT, SIG_DFL);
		abort();
	}
	if (strcmp(stub->word, "garbage") == 0) {
		(void)!write(PROTO_FD_CHANNEL, "garbage", 7);
	}
	send_frame(PROTO_READY);
	if (strcmp(stub->word, "speak") == 0) {
		speak();
	}
	if (strcmp(stub->word, "busy") == 0) {
		fill_page(stub->page);
	}
	stub->is_beating = strcmp(stub->word, "silent") != 0;
	serve(stub, strcmp(stub->word, "deaf") == 0);
}

static int work(struct stub *stub, const char *descriptors)
{
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;
	_cleanup_(config_freep) struct config *config = NULL;
	_cleanup_free_ char *lock = NULL;
	struct proto_frame start;
	char detail[400];
	int lock_fd;
	pid_t holder;

	if (config_load_fd(PROTO_FD_CONFIG, &config, &errors) < 0) {
		die(buffer_str(&errors.text));
	}
	lock = statedir_worker_lock(config->state_dir, stub->name, stub->slot);
	if (lockfile_take(lock, &lock_fd, &holder, NULL) != 0) {
		die(lock);
	}
	if (page_map(PROTO_FD_PAGE, &stub->page) < 0) {
		die("page");
	}
	page_begin(stub->page, getpid(), clock_mono_us(), clock_wall_ms());
	while ((start = receive_frame()).type == PROTO_PAUSE) {
		hear(stub, &start);
	}
	snprintf(detail, sizeof(detail), "instance=%s slot=%u", start.start.instance_id,
		start.start.slot);
	write_diary(stub, descriptors, detail);
	obey(stub);
	return 0;
}

/* "exit N", "answer N", "late" (a second), or nothing: fine. */
static int probe(struct stub *stub, const char *descriptors)
{
	struct proto_frame frame = { .type = PROTO_PROBED };

	write_diary(stub, descriptors, stub->word);
	if (strcmp(stub->word, "exit") == 0) {
		return atoi(stub->argument);
	}
	if (strcmp(stub->word, "late") == 0) {
		(void)poll(NULL, 0, 1000);
	}
	if (strcmp(stub->word, "answer") == 0) {
		frame.probed.result = atoi(stub->argument);
		strcpy(frame.probed.text, "as told");
	}
	return proto_send(PROTO_FD_CHANNEL, &frame) < 0;
}

int main(int argc, char **argv)
{
	struct stub stub = { 0 };
	char descriptors[256];
	const char *slash;

	if (argc != 3) {
		return 97;
	}
	list_descriptors(descriptors, sizeof(descriptors));
	signal(SIGTERM, on_term);
	stub.role = argv[1];
	slash = strchr(argv[2], '/');
	snprintf(stub.name, sizeof(stub.name), "%.*s",
		(int)(slash ? slash - argv[2] : (long)strlen(argv[2])), argv[2]);
	stub.slot = slash ? (unsigned)atoi(slash + 1) : 0;
	read_order(&stub);
	return strcmp(stub.role, "--worker") == 0 ? work(&stub, descriptors)
						  : probe(&stub, descriptors);
}

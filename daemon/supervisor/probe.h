/*
 * probe - a short-lived child that looks at what the supervisor must not touch
 *
 * Runs in: supervisor. `--probe NAME` checks what needs foreign code, `--migrate NAME` brings the
 * store's schema up to date. Both answer PROTO_PROBED once and exit.
 */
#pragma once

#include <stdbool.h>

#include "supervisor/child.h"

struct probe {
	struct child child;
	struct loop_source *deadline;
	const struct config_consumer *consumer;
	bool is_answered, is_late;
	/* 0 fine; 1 could not be checked now; -EINVAL wrong; -EIO died without an answer */
	int result;
	char text[ERR_TEXT_MAX];
	void *context;
	void (*on_done)(void *context, struct probe *probe);
};

struct probe_spec {
	struct loop *loop;
	const char *exe, *role;
	const struct config *config;
	const struct config_consumer *consumer;
	int64_t timeout_us;
	void *context;
	/* Called once, from the loop; result and text are set. */
	void (*on_done)(void *context, struct probe *probe);
};

/* `probe` must stay where it is until on_done. */
int probe_start(struct probe *probe, const struct probe_spec *spec, struct err *err);
bool probe_is_running(const struct probe *probe);
/* SIGKILL; on_done follows. */
void probe_kill(struct probe *probe);
void probe_fini(struct probe *probe);

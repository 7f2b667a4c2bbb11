#include "dlq_run.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "arguments.h"
#include "base/clock.h"
#include "event/utf8.h"

static volatile sig_atomic_t is_interrupted;

static void on_signal(int number)
{
	is_interrupted = 1;
}

void dlq_run_catch_signals(void)
{
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGINT, &action, NULL); /* a second one ends it at once */
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL); /* the terminal went away */
	sigaction(SIGPIPE, &ignore, NULL); /* who reads what is told is no reason to stop */
}

bool dlq_run_is_interrupted(void)
{
	return is_interrupted != 0;
}

static void make_id(char ret[static DLQ_RUN_ID_SIZE])
{
	unsigned char bytes[16];
	char *out = ret;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
		abort(); /* never for so few, once the system is up */
	}
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bool is_dashed = i == 4 || i == 6 || i == 8 || i == 10;

		out += snprintf(out, (size_t)(ret + DLQ_RUN_ID_SIZE - out), "%s%02x",
			is_dashed ? "-" : "", bytes[i]);
	}
}

static void find_by(char ret[static DLQ_RUN_BY_SIZE])
{
	const struct passwd *user = getpwuid(getuid());
	const char *behind = getenv("SUDO_USER");
	char host[65] = "?", number[16];

	snprintf(number, sizeof(number), "%u", (unsigned)getuid());
	gethostname(host, sizeof(host) - 1);
	if (behind && behind[0] && utf8_is_valid(slice_from_str(behind))) {
		snprintf(ret, DLQ_RUN_BY_SIZE, "%.64s (as %.64s)@%s", behind,
			user ? user->pw_name : number, host);
	} else {
		snprintf(ret, DLQ_RUN_BY_SIZE, "%.64s@%s", user ? user->pw_name : number, host);
	}
}

int dlq_run_init(struct dlq_run *run, const struct ctl *ctl)
{
	run->why = ctl_option(ctl, "--why");
	if (!run->why) {
		run->why = "";
	}
	if (!utf8_is_valid(slice_from_str(run->why))) {
		fprintf(stderr, "oncectl %s: --why is not UTF-8\n", ctl->verb->name);
		return CTL_USAGE;
	}
	make_id(run->id);
	find_by(run->by);
	return CTL_OK;
}

struct dlq_mark dlq_run_mark(const struct dlq_run *run, enum dlq_state state, const char *to)
{
	return (struct dlq_mark){ .state = state,
		.id = run->id,
		.at_ms = clock_wall_ms(),
		.by = run->by,
		.why = run->why,
		.to = to };
}

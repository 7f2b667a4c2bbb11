/*
 * flawed - a plugin that is fine, or wrong in the one way it was built to be
 *
 * FLAW is one of the names below; without it the plugin loads.
 */
#include <onced/handler.h>

#define FLAW_ABI 1
#define FLAW_NEWER 2
#define FLAW_TOO_SMALL 3
#define FLAW_NO_HANDLE 4
#define FLAW_EFFECT 5
#define FLAW_TAKEN_KEY 6
#define FLAW_NO_EXPORT 7
#define FLAW_NO_FUNCTION 8
#define FLAW_OLDER 9 /* of the first version: what is behind its end is not looked at */
#define FLAW_BATCH_ELSEWHERE 10

static const struct onced_param_spec params[] = {
	{ .name = "depth", .help = "How deep.", .is_required = true },
	{ .name = "color", .help = "Which.", .default_value = "red" },
	{ .name = "words.*", .help = "More." },
#if FLAW == FLAW_TAKEN_KEY
	{ .name = "timeout", .help = "Of its own." },
#endif
	{ .name = NULL },
};

#if FLAW == FLAW_NO_FUNCTION
void onced_function_of_a_later_version(void);
#endif

static void handle(void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
#if FLAW == FLAW_NO_FUNCTION
	onced_function_of_a_later_version();
#endif
	onced_outcome_set(outcome, ONCED_SKIP, NULL, "seen by a plugin at %lld",
		(long long)onced_event_offset(event));
}

#if FLAW == FLAW_OLDER || FLAW == FLAW_BATCH_ELSEWHERE
static void handle_batch(void *state, const struct onced_event *const *events,
	struct onced_outcome *outcomes, size_t count)
{
}
#endif

static const struct onced_handler flawed = {
	.abi = ONCED_HANDLER_ABI + (FLAW == FLAW_ABI),
	.size = FLAW == FLAW_OLDER || FLAW == FLAW_TOO_SMALL
		? ONCED_HANDLER_SIZE_MIN - 8 * (FLAW == FLAW_TOO_SMALL)
		: sizeof(struct onced_handler) + 8 * (FLAW == FLAW_NEWER),
	.name = "flawed",
	.help = "Sees events.",
	.params = params,
	.effect = FLAW == FLAW_EFFECT          ? 7
		: FLAW == FLAW_BATCH_ELSEWHERE ? ONCED_EFFECT_ELSEWHERE
					       : ONCED_EFFECT_TRANSACTION,
	.handle = FLAW == FLAW_NO_HANDLE || FLAW == FLAW_BATCH_ELSEWHERE ? NULL : handle,
#if FLAW == FLAW_OLDER || FLAW == FLAW_BATCH_ELSEWHERE
	.handle_batch = handle_batch,
#endif
};

#if FLAW != FLAW_NO_EXPORT
ONCED_EXPORT_HANDLER(flawed);
#else
const struct onced_handler *flawed_under_another_name(void);
const struct onced_handler *flawed_under_another_name(void)
{
	return &flawed;
}
#endif

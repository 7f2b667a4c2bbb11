/*
 * test_outage_stream - poison or outage: what the verdict does to whole streams of records
 *
 * Strands of records, lanes that call a target, and a clock of its own. A seed makes one run; the
 * properties hold for each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "core/outage.h"
#include "core/retry.h"

#define MS ((int64_t)1000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)

enum { STRANDS_MAX = 256, LANES_MAX = 16 };
#define TICK (5 * MS)

struct item {
	unsigned attempts;
	int64_t first_failure_us, last_failure_us;
	bool is_poison, is_after_hold;
	struct outage_mark mark;
};

struct strand {
	unsigned left; /* items that did not end, the head included */
	struct item head;
	int64_t due_us;
	bool is_taken;
};

struct call {
	struct strand *strand;
	int64_t begun_us, end_us;
	bool is_probe;
};

struct stream {
	uint64_t seed, random;
	struct outage outage;
	struct retry_policy retry;
	struct strand strands[STRANDS_MAX];
	unsigned strand_count, lanes;
	struct call calls[LANES_MAX];
	int64_t now_us, call_us;
	uint64_t successes;
	int64_t last_success_us;
	/* the target is down in [down_us, up_us), then the next phase is chosen */
	int64_t down_us, up_us, phase_min_us, phase_max_us;
	bool is_flapping;
	unsigned poison_every, made;
	unsigned good_dead, poison_dead, outages, calls_while_down;
};

static uint64_t below(struct stream *s, uint64_t limit)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (s->random >> 11) % limit;
}

static bool is_down(const struct stream *s)
{
	return s->now_us >= s->down_us && s->now_us < s->up_us;
}

static int64_t phase_us(struct stream *s)
{
	return s->phase_min_us +
		(int64_t)below(s, (uint64_t)(s->phase_max_us - s->phase_min_us + 1));
}

static void next_head(struct stream *s, struct strand *strand)
{
	strand->head = (struct item){ 0 };
	if (--strand->left && s->poison_every && ++s->made % s->poison_every == 0) {
		strand->head.is_poison = true;
	}
	strand->due_us = s->now_us;
}

static unsigned charged(const struct stream *s, const struct item *item)
{
	bool is_covered = item->attempts && item->last_failure_us &&
		outage_covers(&s->outage, item->last_failure_us);

	return item->attempts - is_covered;
}

/* As the unit of work does it. */
static void hold(struct stream *s, struct strand *strand, int64_t for_us)
{
	struct item *item = &strand->head;

	item->attempts = charged(s, item);
	item->last_failure_us = 0;
	item->is_after_hold = true;
	strand->due_us = s->now_us + for_us - (int64_t)below(s, (uint64_t)(OUTAGE_LOOK_US / 4));
}

static void charge(struct stream *s, struct strand *strand)
{
	struct item *item = &strand->head;
	struct retry_state state = { .attempts = charged(s, item) + 1,
		.elapsed_us = item->attempts ? s->now_us - item->first_failure_us : 0,
		.has_witness = item->attempts && s->last_success_us > item->first_failure_us,
		.is_first_after_hold = item->is_after_hold };
	int64_t delay_us = retry_next_delay(&s->retry, &state, s->random);

	if (delay_us < 0) {
		*(item->is_poison ? &s->poison_dead : &s->good_dead) += 1;
		next_head(s, strand);
		return;
	}
	item->first_failure_us = item->attempts ? item->first_failure_us : s->now_us;
	item->attempts = state.attempts;
	item->last_failure_us = s->now_us;
	item->is_after_hold = false;
	strand->due_us = s->now_us + delay_us;
}

static void end_call(struct stream *s, struct call *call)
{
	struct strand *strand = call->strand;
	uint64_t key = (uint64_t)(strand - s->strands) << 32 | strand->left;
	bool has_failed = is_down(s) || strand->head.is_poison;

	strand->is_taken = false;
	call->strand = NULL;
	if (has_failed) {
		s->outages += outage_failed(&s->outage, &strand->head.mark, key, s->successes,
				      false, s->now_us) == OUTAGE_BEGAN;
	} else {
		s->successes++;
		s->last_success_us =
			call->begun_us > s->last_success_us ? call->begun_us : s->last_success_us;
		outage_succeeded(&s->outage, call->begun_us, s->now_us);
	}
	if (call->is_probe) {
		outage_probe_ended(&s->outage, &strand->head.mark, has_failed, s->now_us);
	}
	if (!has_failed) {
		next_head(s, strand);
	} else if (outage_is_holding(&s->outage)) {
		hold(s, strand, 2 * OUTAGE_LOOK_US);
	} else {
		charge(s, strand);
	}
}

static void begin_call(struct stream *s, struct call *call, struct strand *strand)
{
	bool is_holding = outage_is_holding(&s->outage);

	if (is_holding &&
		!outage_take_probe(&s->outage, outage_rank(&strand->head.mark), s->now_us)) {
		hold(s, strand, OUTAGE_LOOK_US);
		return;
	}
	strand->is_taken = true;
	s->calls_while_down += is_down(s);
	*call = (struct call){ strand, s->now_us,
		s->now_us + 1 + (int64_t)below(s, (uint64_t)s->call_us), is_holding };
}

static void run_lane(struct stream *s, struct call *call)
{
	unsigned first = (unsigned)below(s, s->strand_count);

	if (call->strand && call->end_us <= s->now_us) {
		end_call(s, call);
	}
	for (unsigned i = 0; i < s->strand_count && !call->strand; i++) {
		struct strand *strand = &s->strands[(first + i) % s->strand_count];
		if (strand->left && !strand->is_taken && strand->due_us <= s->now_us) {
			begin_call(s, call, strand);
		}
	}
}

static bool is_finished(const struct stream *s)
{
	for (unsigned i = 0; i < s->strand_count; i++) {
		if (s->strands[i].left) {
			return false;
		}
	}
	return true;
}

static void tick(struct stream *s)
{
	s->now_us += TICK;
	if (s->now_us >= s->up_us && s->is_flapping) {
		s->down_us = s->up_us + phase_us(s);
		s->up_us = s->down_us + phase_us(s);
	}
	for (unsigned i = 0; i < s->lanes; i++) {
		run_lane(s, &s->calls[i]);
	}
}

static struct stream *stream_new(uint64_t seed, unsigned strands_min, unsigned items)
{
	struct stream *s = NEW(struct stream);

	s->seed = seed;
	s->random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	s->strand_count = strands_min + (unsigned)below(s, STRANDS_MAX - strands_min);
	if (below(s, 2)) {
		s->strand_count = strands_min;
	}
	s->lanes = 1 + (unsigned)below(s, LANES_MAX);
	s->call_us = (int64_t)(1 + below(s, 200)) * MS;
	s->now_us = MINUTE;
	s->down_us = s->up_us = 0;
	s->retry = (struct retry_policy){ .attempts = 1 + (unsigned)below(s, 5),
		.delay_us = (int64_t)(1 + below(s, 200)) * MS,
		.delay_max_us = 2 * SECOND,
		.deadline_us = 10 * MINUTE,
		.factor = 2,
		.jitter = RETRY_JITTER_FULL };
	outage_init(&s->outage, s->retry.delay_max_us);
	for (unsigned i = 0; i < s->strand_count; i++) {
		s->strands[i].left = 1 + items / s->strand_count;
	}
	return s;
}

/* How long so many items take where nothing fails. */
static int64_t work_us(const struct stream *s, unsigned items)
{
	unsigned at_once = s->lanes < s->strand_count ? s->lanes : s->strand_count;

	return (items + s->strand_count) * (s->call_us / 2 + TICK) / at_once;
}

/* Until all ended; the limit is a verdict of its own. */
static void play(struct stream *s, int64_t limit_us)
{
	while (!is_finished(s)) {
		tick(s);
		if (s->now_us > limit_us) {
			fail_msg("seed %llu: not finished after %lld s",
				(unsigned long long)s->seed, (long long)(limit_us / SECOND));
		}
	}
}

static void expect(const struct stream *s, unsigned value, unsigned wanted, const char *what)
{
	if (value != wanted) {
		fail_msg("seed %llu: %u %s, wanted %u", (unsigned long long)s->seed, value, what,
			wanted);
	}
}

static void a_total_outage_condemns_nobody_however_long_and_flows_again_soon(void **state)
{
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct stream *s = stream_new(seed, OUTAGE_AT_LEAST, 3000);
		unsigned called, seconds = seed % 10 == 0 ? 1500 : 10 + (unsigned)below(s, 60);

		s->down_us = s->now_us + SECOND + (int64_t)below(s, SECOND);
		s->up_us = s->down_us + seconds * SECOND;
		while (s->now_us < s->up_us) {
			tick(s);
		}
		called = s->calls_while_down;
		expect(s, s->good_dead, 0, "condemned");
		play(s, s->up_us + 20 * SECOND + 2 * work_us(s, 3000));
		expect(s, s->good_dead, 0, "condemned");
		/* evidence, then a probe every few seconds: nobody hammers */
		if (s->outages && called > 200 + seconds) {
			fail_msg("seed %llu: %u calls in %u s without a target",
				(unsigned long long)seed, called, seconds);
		}
		free(s);
	}
}

static void one_poison_among_thousands_is_condemned_and_nobody_else(void **state)
{
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct stream *s = stream_new(seed, 2, 3000);

		s->poison_every = 700;
		play(s, 2 * 3600 * SECOND);
		expect(s, s->good_dead, 0, "good ones condemned");
		expect(s, s->poison_dead, s->made / 700, "poison condemned");
		expect(s, s->outages, 0, "outages");
		free(s);
	}
}

static void a_flapping_target_gets_all_done_and_condemns_hardly_anybody(void **state)
{
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct stream *s = stream_new(seed, 32, 3000);

		s->is_flapping = true;
		s->retry.attempts = 10;
		s->retry.delay_us += 100 * MS;
		s->phase_min_us = (int64_t)(50 + below(s, 2000)) * MS;
		s->phase_max_us = s->phase_min_us + (int64_t)below(s, 3000) * MS;
		play(s, 3600 * SECOND);
		/* what is over before it can be told leaves ten tries to chance */
		expect(s, s->good_dead > (s->phase_min_us < SECOND ? 3000 / 500 : 0), 0,
			"too many condemned");
		free(s);
	}
}

static void poison_and_outage_together_end_each_in_its_own_way(void **state)
{
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct stream *s = stream_new(seed, 32, 3000);

		s->poison_every = 500;
		s->down_us = s->now_us + (int64_t)below(s, SECOND);
		s->up_us = s->down_us + 20 * SECOND;
		play(s, 2 * 3600 * SECOND);
		expect(s, s->good_dead, 0, "good ones condemned");
		expect(s, s->poison_dead, s->made / 500, "poison condemned");
		free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_total_outage_condemns_nobody_however_long_and_flows_again_soon),
		cmocka_unit_test(one_poison_among_thousands_is_condemned_and_nobody_else),
		cmocka_unit_test(a_flapping_target_gets_all_done_and_condemns_hardly_anybody),
		cmocka_unit_test(poison_and_outage_together_end_each_in_its_own_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

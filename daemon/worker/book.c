#include "worker/book.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/memory.h"
#include "worker/hand.h"
#include "worker/unit_private.h"

enum { FLIGHT_MAX = 256 };

static const struct unit_range only = { 0, 1 };

/* One operation on many leases. */
struct sheet {
	struct errand **errands;
	struct store_claim *claims;
	size_t count;
};

enum { SHEET_LEASE = STORE_LEASE_RENEWED + 1, SHEETS };

struct flight {
	struct sheet sheets[SHEETS]; /* by enum store_lease_end, and SHEET_LEASE */
	struct errand_list claims, ends;
	size_t count;
	bool has_renewal;
	int64_t sent_us;
};

void book_init(struct book *book, const struct store_ops *store, struct store_session *session,
	const uint8_t *owner, int64_t lease_us)
{
	*book = (struct book){ .store = store,
		.session = session,
		.arena = ARENA_INIT,
		.lease = { .lease_us = lease_us },
		.limit = FLIGHT_MAX };
	memcpy(book->lease.owner, owner, STORE_OWNER_SIZE);
}

void book_fini(struct book *book)
{
	arena_fini(&book->arena);
	free(book->held);
}

void book_claim(struct book *book, struct errand *errand)
{
	errand_push(&book->claiming, errand);
}

void book_end(struct book *book, struct errand *errand)
{
	errand_push(&book->ending, errand);
}

int64_t book_due_us(const struct book *book)
{
	return book->held_count ? book->next_renewal_us : INT64_MAX;
}

bool book_has_work(const struct book *book, int64_t now_us)
{
	return book->claiming.head || book->ending.head || book_due_us(book) <= now_us;
}

/* ---- leases in hand ---- */

static void hold(struct book *book, struct errand *errand)
{
	if (book->held_count == 0) {
		book->next_renewal_us = clock_mono_us() + book->lease.lease_us / 3;
	}
	errand->is_leased = true;
	ARRAY_GROW(book->held, book->held_count, book->held_capacity);
	book->held[book->held_count++] = errand;
}

static void let_go(struct book *book, struct errand *errand)
{
	for (size_t i = 0; i < book->held_count; i++) {
		if (book->held[i] == errand) {
			book->held[i] = book->held[--book->held_count];
			break;
		}
	}
	errand->is_leased = false;
}

static bool has_key(struct errand *const *errands, size_t count, const struct errand *errand)
{
	const uint8_t *key = errand->unit.works[0].claim.key;

	for (size_t i = 0; i < count; i++) {
		if (memcmp(errands[i]->unit.works[0].claim.key, key, STORE_KEY_SIZE) == 0) {
			return true;
		}
	}
	return false;
}

/* Lanes may be at work on it. */
static bool take_in_hand(struct book *book, struct errand *errand)
{
	if (book->hand && !errand->is_in_hand) {
		errand->is_in_hand = hand_take(book->hand, errand_work(errand)->claim.key);
		return errand->is_in_hand;
	}
	return true;
}

static void put_down(struct book *book, struct errand *errand)
{
	if (errand->is_in_hand) {
		hand_put(book->hand, errand_work(errand)->claim.key);
		errand->is_in_hand = false;
	}
}

/* ---- ends of errands ---- */

static void finish(struct book *book, struct errand *errand)
{
	put_down(book, errand);
	unit_settle_fates(&errand->unit, only);
	unit_outage_end(&errand->unit);
	errand_push(&book->ended, errand);
}

static void send_back(struct book *book, struct errand *errand)
{
	struct unit_work *work = errand_work(errand);

	work->fate = UNIT_AGAIN;
	unit_stop_clock(work);
	errand->unit.store_failed = true;
	finish(book, errand);
}

void book_give_up_claims(struct book *book)
{
	struct errand *errand;

	while ((errand = errand_pop(&book->claiming))) {
		send_back(book, errand);
	}
}

void book_give_up_ends(struct book *book)
{
	struct errand *errand;

	while ((errand = errand_pop(&book->ending))) {
		let_go(book, errand);
		send_back(book, errand);
	}
}

/* ---- what a flight is made of ---- */

static void write_down(struct flight *flight, unsigned sheet, struct errand *errand)
{
	struct sheet *s = &flight->sheets[sheet];

	s->errands[s->count++] = errand;
}

static void select_claim(struct book *book, struct flight *flight, struct errand *errand)
{
	const struct sheet *leases = &flight->sheets[SHEET_LEASE];
	struct unit_work *work = errand_work(errand);

	if (work->is_filtered) {
		work->fate = UNIT_SKIPPED;
		finish(book, errand);
		return;
	}
	unit_outage_admit(&errand->unit, only);
	if (work->fate == UNIT_HELD) {
		finish(book, errand);
		return;
	}
	if (work->has_key &&
		(has_key(book->held, book->held_count, errand) ||
			has_key(leases->errands, leases->count, errand) ||
			!take_in_hand(book, errand))) {
		unit_hold_here(&errand->unit, work);
		finish(book, errand);
		return;
	}
	errand_push(&flight->claims, errand);
	flight->count++;
	if (work->has_key) {
		write_down(flight, SHEET_LEASE, errand);
	}
}

static unsigned end_of(const struct unit_work *work)
{
	bool is_through = work->fate == UNIT_DONE || work->fate == UNIT_SKIPPED;

	if (work->fate == UNIT_DEAD) {
		return STORE_LEASE_DLQ;
	}
	return is_through && !work->is_forgotten ? STORE_LEASE_DONE : STORE_LEASE_RELEASED;
}

static void select_end(struct flight *flight, struct errand *errand)
{
	errand_push(&flight->ends, errand);
	flight->count++;
	if (errand->is_leased) {
		write_down(flight, end_of(errand_work(errand)), errand);
	}
}

static void select_renewals(struct book *book, struct flight *flight)
{
	flight->has_renewal = book_due_us(book) <= flight->sent_us;
	for (size_t i = 0; flight->has_renewal && i < book->held_count; i++) {
		write_down(flight, STORE_LEASE_RENEWED, book->held[i]);
	}
}

static void open_flight(struct book *book, struct flight *flight)
{
	size_t most = book->held_count + book->limit;

	arena_reset(&book->arena);
	*flight = (struct flight){ .sent_us = clock_mono_us() };
	for (unsigned i = 0; i < SHEETS; i++) {
		flight->sheets[i].errands =
			arena_alloc(&book->arena, most * sizeof(*flight->sheets[i].errands));
	}
	select_renewals(book, flight);
	while (flight->count < book->limit && book->ending.head) {
		select_end(flight, errand_pop(&book->ending));
	}
	while (flight->count < book->limit && book->claiming.head) {
		select_claim(book, flight, errand_pop(&book->claiming));
	}
}

static int compare_keys(const void *left, const void *right)
{
	const struct errand *a = *(struct errand *const *)left, *b = *(struct errand *const *)right;

	return memcmp(a->unit.works[0].claim.key, b->unit.works[0].claim.key, STORE_KEY_SIZE);
}

static void fill_claims(struct book *book, struct sheet *sheet, unsigned kind)
{
	qsort(sheet->errands, sheet->count, sizeof(*sheet->errands), compare_keys);
	sheet->claims = arena_alloc(&book->arena, sheet->count * sizeof(*sheet->claims));
	for (size_t i = 0; i < sheet->count; i++) {
		struct errand *errand = sheet->errands[i];
		sheet->claims[i] = errand_work(errand)->claim;
		if (kind == STORE_LEASE_DLQ) {
			sheet->claims[i].decision =
				unit_write_decision(&errand->unit, errand_work(errand));
		}
	}
}

static void queue_flight(struct book *book, struct flight *flight)
{
	book->store->begin(book->session);
	for (struct errand *e = flight->ends.head; e; e = e->next) {
		unit_queue_attempts(&e->unit, errand_work(e));
	}
	/* renewals first: what ends in this flight is ours only before */
	for (int i = SHEETS - 2; i >= 0; i--) {
		struct sheet *sheet = &flight->sheets[i];
		if (sheet->count) {
			fill_claims(book, sheet, (unsigned)i);
			book->store->end_leases(book->session, &book->lease,
				(enum store_lease_end)i, sheet->claims, sheet->count);
		}
	}
	if (flight->sheets[SHEET_LEASE].count) {
		struct sheet *sheet = &flight->sheets[SHEET_LEASE];
		fill_claims(book, sheet, SHEET_LEASE);
		book->store->lease(book->session, &book->lease, sheet->claims, sheet->count);
	}
	book->store->commit(book->session);
}

/* ---- a flight that went through ---- */

static void set_lease_end(struct errand *errand, int64_t until_us)
{
	atomic_store_explicit(&errand->lease_until_us, until_us, memory_order_relaxed);
}

static void apply_renewals(struct book *book, const struct flight *flight)
{
	const struct sheet *sheet = &flight->sheets[STORE_LEASE_RENEWED];

	for (size_t i = 0; i < sheet->count; i++) {
		set_lease_end(sheet->errands[i],
			sheet->claims[i].is_mine ? flight->sent_us + book->lease.lease_us : 0);
	}
	if (flight->has_renewal) {
		book->next_renewal_us = flight->sent_us + book->lease.lease_us / 3;
	}
}

static void apply_ends(struct book *book, const struct flight *flight)
{
	for (unsigned kind = 0; kind < STORE_LEASE_RENEWED; kind++) {
		const struct sheet *sheet = &flight->sheets[kind];
		for (size_t i = 0; i < sheet->count; i++) {
			struct errand *errand = sheet->errands[i];
			bool is_lost = !sheet->claims[i].is_mine && !errand->is_uncertain;
			book->forgotten += sheet->claims[i].was_forgotten;
			if (kind == STORE_LEASE_DONE && is_lost) {
				book->lost++;
				errand->is_lost = true;
			} else if (kind == STORE_LEASE_DLQ && !sheet->claims[i].is_mine) {
				/* decided by somebody, perhaps by us: the next claim tells */
				errand_work(errand)->fate = UNIT_AGAIN;
			}
			let_go(book, errand);
		}
	}
}

/* What the claim alone decides. */
static void judge_claim(struct book *book, struct flight *flight, struct errand *errand)
{
	struct unit_work *work = errand_work(errand);

	switch (work->claim.verdict) {
	case CLAIM_TAKEN_OVER:
		book->taken_over++;
		/* fall through */
	case CLAIM_REPLAYED:
	case CLAIM_NEW:
		hold(book, errand);
		set_lease_end(errand, flight->sent_us + book->lease.lease_us);
		break;
	case CLAIM_DUPLICATE:
		work->fate = UNIT_DUPLICATE;
		break;
	case CLAIM_SETTLED_DLQ:
		if (work->record->skip) {
			work->fate = UNIT_SKIPPED; /* its dead letter cannot be written */
		} else {
			unit_condemn_again(&errand->unit, work);
		}
		break;
	case CLAIM_BUSY:
		unit_hold_busy(&errand->unit, work);
		break;
	case CLAIM_COLLISION:
		unit_collide(work);
		break;
	case CLAIM_UNKNOWN:
		break;
	}
}

static void apply_claims(struct book *book, struct flight *flight)
{
	const struct sheet *sheet = &flight->sheets[SHEET_LEASE];
	struct errand *errand;

	for (size_t i = 0; i < sheet->count; i++) {
		errand_work(sheet->errands[i])->claim = sheet->claims[i];
		judge_claim(book, flight, sheet->errands[i]);
	}
	while ((errand = errand_pop(&flight->claims))) {
		const struct record *record = errand->record;
		if (errand_work(errand)->fate == UNIT_OPEN) {
			errand->was_claimed = true;
			errand_push(&book->claimed, errand);
		} else if (errand_work(errand)->fate != UNIT_HELD &&
			(record->attempts || record->has_stored_attempts)) {
			book_end(book, errand); /* its attempts end with it */
		} else {
			finish(book, errand);
		}
	}
}

static void apply(struct book *book, struct flight *flight)
{
	struct errand *errand;

	apply_renewals(book, flight);
	apply_ends(book, flight);
	while ((errand = errand_pop(&flight->ends))) {
		finish(book, errand);
	}
	apply_claims(book, flight);
	book->limit = 2 * book->limit < FLIGHT_MAX ? 2 * book->limit : FLIGHT_MAX;
}

/* ---- a flight that failed ---- */

/* The answer may be lost with everything done. */
static void lose(struct book *book, struct flight *flight, bool may_be_committed)
{
	struct errand *errand;

	for (errand = flight->ends.head; errand; errand = errand->next) {
		errand->is_uncertain |= may_be_committed;
	}
	errand_append(&flight->ends, &book->ending);
	book->ending = flight->ends;
	while ((errand = errand_pop(&flight->claims))) {
		if (may_be_committed && errand_work(errand)->has_key) {
			hold(book, errand);
			errand_withdraw(errand);
			book_end(book, errand);
		} else {
			send_back(book, errand);
		}
	}
	book_give_up_claims(book);
}

/* Something in it: smaller flights, down to the one, which then waits by itself. */
static void divide(struct book *book, struct flight *flight)
{
	if (flight->count > 1) {
		book->limit = (unsigned)flight->count / 2;
		errand_append(&flight->ends, &book->ending);
		book->ending = flight->ends;
		errand_append(&flight->claims, &book->claiming);
		book->claiming = flight->claims;
		return;
	}
	book->limit = 1;
	errand_append(&book->ending, &flight->ends);
	if (flight->claims.head) {
		struct errand *errand = errand_pop(&flight->claims);
		unit_hold(&errand->unit, errand_work(errand), book->err.code, book->err.text,
			UNIT_BUSY_US);
		finish(book, errand);
	}
}

static void roll_back(struct book *book, const struct store_flight *answer)
{
	struct store_flight ignored;

	if (answer->in_transaction) {
		book->store->rollback(book->session);
		book->store->flush(book->session, &ignored);
	}
}

enum store_failure book_fly(struct book *book)
{
	struct store_flight answer = { 0 };
	struct flight flight;

	open_flight(book, &flight);
	book->has_flown = flight.count > 0 || flight.has_renewal;
	if (!book->has_flown) {
		return STORE_OK;
	}
	queue_flight(book, &flight);
	if (flight.ends.head) {
		FAILPOINT("before_mark");
	}
	if (book->store->flush(book->session, &answer) == STORE_OK) {
		if (flight.claims.head) {
			FAILPOINT("after_lease");
		}
		if (flight.ends.head) {
			FAILPOINT("after_mark");
		}
		apply(book, &flight);
		return STORE_OK;
	}
	roll_back(book, &answer);
	book->err = answer.err;
	if (answer.failure == STORE_LOST || answer.failure == STORE_UNAVAILABLE) {
		lose(book, &flight, answer.op == STORE_OP_COMMIT);
	} else {
		divide(book, &flight);
	}
	return answer.failure;
}

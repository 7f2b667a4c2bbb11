/*
 * book - what the store is asked about effects made elsewhere, many errands in one flight
 *
 * Runs in: worker, the ledger's thread. Owns no thread and no lock, so that it can be tested
 * against a scripted store. An errand is given to it twice: to be claimed, and, when its handler is
 * through or never to be called, to be ended. It comes back in `claimed` or in `ended`.
 *
 * A claim is a lease, committed before the effect. Every lease is ended by its token: marked if the
 * effect was made, deleted if not. While the store is away claims go back, and ends wait for it.
 */
#pragma once

#include "worker/errand.h"

struct book {
	const struct store_ops *store;
	struct store_session *session;
	struct store_lease lease;
	struct hand *hand; /* shared with lanes that lease; NULL: there are none */
	struct arena arena; /* of one flight */
	struct errand_list claiming, ending; /* waiting for a flight */
	struct errand **held; /* those with a lease */
	size_t held_count, held_capacity;
	int64_t next_renewal_us;
	unsigned limit; /* errands of a flight; shrinks while flights fail for one of them */

	/* for the caller to take */
	struct errand_list claimed, ended;
	uint64_t taken_over; /* leases of a dead or late owner: their effects may come twice */
	uint64_t forgotten; /* of our leases, by the store */
	uint64_t lost; /* effects made whose lease was not ours any more */
	bool has_flown; /* the last book_fly() asked the store anything */
	struct err err; /* of the last flight that failed */
};

/* `owner`: STORE_OWNER_SIZE bytes. */
void book_init(struct book *book, const struct store_ops *store, struct store_session *session,
	const uint8_t *owner, int64_t lease_us);
/* Errands inside are the caller's. */
void book_fini(struct book *book);

void book_claim(struct book *book, struct errand *errand);
void book_end(struct book *book, struct errand *errand);

/* Is there anything to ask the store for? */
bool book_has_work(const struct book *book, int64_t now_us);
/* When leases are to be renewed; INT64_MAX: there are none. */
int64_t book_due_us(const struct book *book);

/*
 * One flight. STORE_OK: done, as far as it went; more may wait. LOST, UNAVAILABLE: the store is
 * away. Others: it refuses something; what is left is worth another flight, after a pause.
 */
enum store_failure book_fly(struct book *book);

/* The store is away: claims that wait go back. */
void book_give_up_claims(struct book *book);
/* For good: ends that wait go back too, their leases stay. */
void book_give_up_ends(struct book *book);

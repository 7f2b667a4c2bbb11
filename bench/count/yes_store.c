#include "yes_store.h"

static uint64_t statements;

static void yes_begin(struct store_session *session)
{
}

static void yes_claim(struct store_session *session, struct store_claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		claims[i].verdict = CLAIM_NEW;
	}
}

static void yes_group(struct store_session *session, uint32_t group)
{
}

static void yes_statement(struct store_session *session, size_t index,
	const struct store_value *values, size_t count, uint32_t tag)
{
	statements++;
}

static void yes_commit(struct store_session *session)
{
}

static enum store_failure yes_flush(struct store_session *session, struct store_flight *flight)
{
	*flight = (struct store_flight){ .failure = STORE_OK, .err = ERR_INIT };
	return STORE_OK;
}

const struct store_ops yes_store_ops = {
	.scheme = "yes",
	.is_transactional = true,
	.begin = yes_begin,
	.claim = yes_claim,
	.savepoint = yes_group,
	.release = yes_group,
	.statement = yes_statement,
	.commit = yes_commit,
	.flush = yes_flush,
};

struct store_session *yes_store_session(void)
{
	static struct store_session session = { &yes_store_ops };

	return &session;
}

uint64_t yes_store_statements(void)
{
	return statements;
}

#include "demo/report.h"

#include "demo/broker.h"
#include "demo/script.h"

static int64_t settled(const struct scrape_counters *counters)
{
	return counters->done + counters->duplicate + counters->skipped + counters->dead_lettered;
}

/*
 * A worker killed between a commit in the database and its count leaves an effect that it never
 * counted as done; the record comes again and is counted as a duplicate. So the two together cover
 * the rest.
 */
bool report_counters_hold(const struct report *report)
{
	const struct scrape_counters *c = report->counters;
	const struct audit *audit = report->audit;

	return c->consumed == settled(c) + c->abandoned + c->in_flight && c->in_flight == 0 &&
		c->skipped == 0 &&
		c->done + c->duplicate >= audit->applied_once + audit->ended[ORDER_REPEAT] &&
		c->done <= audit->row_count && c->dead_lettered >= audit->letter_count;
}

static unsigned sum(const unsigned counts[ORDER_KINDS])
{
	unsigned total = 0;

	for (unsigned kind = 0; kind < ORDER_KINDS; kind++) {
		total += counts[kind];
	}
	return total;
}

static void row(struct buffer *out, const char *name, long long number, const char *what)
{
	buffer_printf(out, "  %-20s %6lld   %s\n", name, number, what);
}

static void write_duplicates(const struct report *report, struct buffer *out)
{
	unsigned twice = report->audit->ended[ORDER_REPEAT];
	long long again = report->counters->duplicate - (long long)twice;
	char what[96];

	snprintf(what, sizeof(what), "%u sent twice, %lld delivered again after the kill", twice,
		again > 0 ? again : 0);
	row(out, "duplicates stopped", report->counters->duplicate, what);
}

static void write_retries(const struct report *report, struct buffer *out)
{
	char what[96];

	snprintf(what, sizeof(what),
		"attempts that failed and were made again; %u orders went in late",
		report->audit->retried_orders);
	row(out, "retried", report->counters->retries, what);
}

static void write_letters(const struct audit *audit, struct buffer *out)
{
	static const struct {
		enum order_kind kind;
		const char *name, *what;
	} reasons[] = {
		{ ORDER_MALFORMED, "  undecodable", "no JSON" },
		{ ORDER_FORBIDDEN, "  rejected", "the table's CHECK (amount > 0) says no" },
		{ ORDER_ORPHAN, "  exhausted", "their customer did not come within 4 attempts" },
	};

	_Static_assert(SCRIPT_ATTEMPTS == 4, "as the words say");
	row(out, "dead-lettered", audit->letter_count,
		"records of topic " DEMO_LETTER_TOPIC ", bytes as they were");
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		row(out, reasons[i].name, audit->ended[reasons[i].kind], reasons[i].what);
	}
	if (audit->letter_repeats > 0) {
		row(out, "  written again", audit->letter_repeats,
			"the promise for dead letters is at least once");
	}
}

static void write_sum(const struct audit *audit, struct buffer *out)
{
	buffer_printf(out,
		"\n  %u produced = %u applied + %u sent twice + %u dead-lettered + %u lost\n",
		sum(audit->produced), audit->applied_once + audit->applied_twice,
		audit->ended[ORDER_REPEAT], audit->letter_count, audit->lost);
}

static void write_faults(const struct report *report, struct buffer *out)
{
	const struct audit *audit = report->audit;

	if (audit_holds(audit) && report_counters_hold(report)) {
		return;
	}
	buffer_printf(out,
		"\n  THE SUMS DO NOT HOLD: %u rows, %u applied twice, %u both applied and "
		"dead-lettered, %u that no record explains, %u lost; counters %s\n",
		audit->row_count, audit->applied_twice, audit->both, audit->wrong, audit->lost,
		report_counters_hold(report) ? "agree" : "disagree");
}

void report_write(const struct report *report, struct buffer *out)
{
	const struct audit *audit = report->audit;

	buffer_printf(out, "\nWhat happened, in %.0f s\n\n", report->seconds);
	row(out, "produced", sum(audit->produced),
		"records that the broker acknowledged, topic " DEMO_TOPIC);
	row(out, "applied once", audit->applied_once, "rows of table orders, each event id once");
	write_duplicates(report, out);
	write_retries(report, out);
	write_letters(audit, out);
	row(out, "workers killed", report->kills,
		"by kill -9; what it had not committed came again");
	row(out, "applied twice", audit->applied_twice, "event ids with more than one row");
	row(out, "lost", audit->lost, "records with neither row nor dead letter");
	write_sum(audit, out);
	write_faults(report, out);
}

"""
run - one contender, one topic, one fresh database: measured, then held to what must be there

The rate is taken from the database: claims carry the time at which their transaction began, so the
span from the first to the last is the span of the work, whatever a contender needs to start.
"""

import dataclasses

from .contender import Entry
from .meter import Meter


class WrongResult(Exception):
    """The database does not hold what the topic says it must."""


@dataclasses.dataclass
class Result:
    contender: str
    records: int
    seconds: float
    per_second: float
    worker_cpu_per_million: float
    postgres_cpu_per_million: float
    kafka_cpu_per_million: float
    rss_mb: float  # all processes of the contender together, peak
    process_rss_mb: float  # its largest process, peak


def _query(stage, database, sql):
    return stage.postgres.execute(sql, database=database)[0]


def check(stage, entry, work):
    """Unique ids = effects, none twice, dead letters = poison, committed = produced."""
    rows, ids, total = _query(
        stage, entry.database, "SELECT count(*), count(DISTINCT event_id), coalesce(sum(order_id), 0)::bigint FROM orders")
    claims = _query(stage, entry.database,
                    f"SELECT count(*) FROM {entry.contender.claims}{entry_filter(entry)}")[0]
    good = work.unique - work.poison
    facts = [
        ("effects", rows, good), ("ids with an effect", ids, good), ("sum of their numbers", total, work.order_id_sum),
        ("claims", claims, work.unique),
        ("committed offsets", stage.committed(entry.group, work.topic),
         {p: end for p, end in stage.kafka.end_offsets(work.topic).items() if end > 0}),
    ]
    if entry.onced:
        letters = sum(stage.kafka.end_offsets(entry.dlq).values())
        facts.append(("dead letters", letters, work.poison))
    wrong = [f"{what}: {seen}, must be {must}" for what, seen, must in facts if seen != must]
    if wrong:
        raise WrongResult(f"{entry.contender.name} on {work.topic}: " + "; ".join(wrong))


def entry_filter(entry):
    """Old claims of other topics lie in the same table; they are a day old."""
    return " WHERE at > now() - interval '12 hours'" if entry.contender.claims.startswith("onced.") else ""


def _measured(stage, entry, work, meter):
    own = f"FROM {entry.contender.claims}{entry_filter(entry)}"
    low = _query(stage, entry.database, f"SELECT min(at) {own}")[0]
    first, last, counted, claims = _query(
        stage, entry.database,
        "SELECT extract(epoch FROM min(at))::float8, extract(epoch FROM max(at))::float8,"
        f" count(*) FILTER (WHERE at > '{low.isoformat()}'), count(*) {own}")
    # the first transaction's records were there when the clock started
    records = work.count * counted / max(claims, 1)
    seconds = max(last - first, 1e-6)
    scale = 1e6 / work.count
    return Result(
        contender=entry.contender.name, records=work.count, seconds=seconds, per_second=records / seconds,
        worker_cpu_per_million=meter.cpu_between("worker", first, last) * scale,
        postgres_cpu_per_million=meter.cpu_between("postgres", first, last) * scale,
        kafka_cpu_per_million=meter.cpu_between("kafka", first, last) * scale,
        rss_mb=meter.peak_rss_bytes / 1e6, process_rss_mb=meter.peak_process_rss_bytes / 1e6)


def run(stage, contender, work, base="base", **options):
    """Measure and verify. Raises WrongResult; other faults say what happened."""
    database = stage.fresh_database(base)
    entry = Entry(stage, contender, work.topic, database, **options)
    trees = {"worker": entry.pid, "postgres": stage.postgres.process.pid, "kafka": stage.kafka.process.pid}
    try:
        with Meter(trees, "worker") as meter:
            stage.wait_committed(entry.group, work.topic, entry.must_run, 60 + work.count / 200)
        result = _measured(stage, entry, work, meter)
        entry.stop()
        check(stage, entry, work)
    finally:
        entry.close()
        stage.drop_database(database)
    return result

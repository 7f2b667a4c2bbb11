-- The tables of onced, version 1. They live beside the user's own tables in one file, hence the prefix.

CREATE TABLE onced_schema_version (
	version INTEGER PRIMARY KEY,
	applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- A dedup scope belongs to one consumer group for ever.
CREATE TABLE onced_scopes (
	id INTEGER PRIMARY KEY,
	scope TEXT NOT NULL UNIQUE,
	group_id TEXT NOT NULL
);

-- Topics as small numbers. The cluster is part of the name: positions of two clusters never match.
CREATE TABLE onced_topics (
	id INTEGER PRIMARY KEY,
	cluster_id TEXT NOT NULL,
	topic TEXT NOT NULL,
	UNIQUE (cluster_id, topic)
);

-- One row for each event that took effect, was dead-lettered or is being worked on elsewhere. The key is
-- the first 16 bytes of SHA-256 over scope, source and event id, each preceded by its length as 4 bytes big-endian.
CREATE TABLE onced_processed_events (
	key BLOB PRIMARY KEY,
	scope INTEGER NOT NULL,
	topic INTEGER NOT NULL,
	partition INTEGER NOT NULL,
	record_offset INTEGER NOT NULL,
	record_timestamp_ms INTEGER NOT NULL,
	outcome INTEGER NOT NULL, -- 0 done, 1 dlq, 2 running: leased by its owner
	at INTEGER NOT NULL, -- milliseconds since 1970
	event_id TEXT, -- for people; null where the record has no id of its own
	owner BLOB, -- token of the lease while an effect elsewhere is running
	until INTEGER, -- its end
	digest BLOB, -- of the payload
	decision TEXT -- of a dead letter: why, and after how many attempts
) WITHOUT ROWID;
CREATE INDEX onced_processed_events_at ON onced_processed_events (at);

-- The same for people.
CREATE VIEW onced_events AS
	SELECT s.scope, p.event_id,
		CASE p.outcome WHEN 0 THEN 'done' WHEN 1 THEN 'dlq' WHEN 2 THEN 'running'
			ELSE p.outcome END AS outcome,
		t.cluster_id, t.topic, p.partition, p.record_offset, p.record_timestamp_ms,
		strftime('%Y-%m-%dT%H:%M:%fZ', p.at / 1000.0, 'unixepoch') AS at, hex(p.key) AS key,
		p.decision
	FROM onced_processed_events p
	JOIN onced_scopes s ON s.id = p.scope
	JOIN onced_topics t ON t.id = p.topic;

-- Attempts already made on records that are not settled yet.
CREATE TABLE onced_delivery_attempts (
	group_id TEXT NOT NULL,
	topic INTEGER NOT NULL,
	partition INTEGER NOT NULL,
	record_offset INTEGER NOT NULL,
	record_timestamp_ms INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	first_failure_ms INTEGER NOT NULL,
	last_failure_ms INTEGER NOT NULL,
	PRIMARY KEY (group_id, topic, partition, record_offset)
) WITHOUT ROWID;

-- Partitions that a group has worked on, with the last offset it committed: tells lost from new.
CREATE TABLE onced_partitions_seen (
	group_id TEXT NOT NULL,
	topic INTEGER NOT NULL,
	partition INTEGER NOT NULL,
	committed INTEGER NOT NULL,
	at INTEGER NOT NULL,
	PRIMARY KEY (group_id, topic, partition)
) WITHOUT ROWID;

-- The last pause or resume of each scope: CONSUMER, CONSUMER:TOPIC or CONSUMER:TOPIC:PARTITION; the newest
-- stamp wins.
CREATE TABLE onced_pauses (
	consumer TEXT PRIMARY KEY,
	is_paused INTEGER NOT NULL,
	since_ms INTEGER NOT NULL,
	until_ms INTEGER NOT NULL, -- 0: for ever
	who TEXT NOT NULL,
	reason TEXT NOT NULL
) WITHOUT ROWID;

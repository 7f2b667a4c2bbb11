-- The tables of onced, version 1.
--
-- Everything lives in the schema "onced" and is named with it, so no search_path matters. Whoever may
-- create a schema can run this once; the daemon itself needs USAGE on the schema, and SELECT, INSERT,
-- UPDATE and DELETE on its tables.

DO $$
BEGIN
	IF to_regnamespace('onced') IS NULL THEN
		CREATE SCHEMA onced;
	END IF;
END
$$;

CREATE TABLE onced.schema_version (
	version integer PRIMARY KEY,
	applied_at timestamptz NOT NULL DEFAULT now(),
	applied_by text NOT NULL DEFAULT current_user
);

-- A dedup scope belongs to one consumer group for ever.
CREATE TABLE onced.scopes (
	id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	scope text NOT NULL UNIQUE,
	group_id text NOT NULL,
	bound_at timestamptz NOT NULL DEFAULT now()
);

-- Topics as small numbers. The cluster is part of the name: positions of two clusters never match.
CREATE TABLE onced.topics (
	id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	cluster_id text NOT NULL,
	topic text NOT NULL,
	UNIQUE (cluster_id, topic)
);

-- One row for each event that took effect, was dead-lettered or is being worked on elsewhere. The key is
-- onced.event_key(scope, source, event id). Columns are ordered by alignment: the row stays small.
CREATE TABLE onced.processed_events (
	at timestamptz NOT NULL DEFAULT now(),
	record_offset bigint NOT NULL,
	record_timestamp_ms bigint NOT NULL,
	until timestamptz, -- end of the lease while an effect elsewhere is running
	partition integer NOT NULL,
	topic smallint NOT NULL,
	scope smallint NOT NULL,
	outcome smallint NOT NULL, -- 0 done, 1 dlq, 2 running: leased by its owner
	key uuid PRIMARY KEY, -- 16 bytes of a digest: smaller and faster to compare than bytea
	event_id bytea, -- for people; null where the record has no id of its own
	owner bytea, -- token of the lease
	digest bytea, -- of the payload
	decision bytea -- of a dead letter: why, and after how many attempts
);
CREATE INDEX processed_events_at ON onced.processed_events
	USING brin (at) WITH (pages_per_range = 32, autosummarize = on);

-- The same for people.
CREATE VIEW onced.events AS
	SELECT s.scope, encode(p.event_id, 'escape') AS event_id,
		CASE p.outcome WHEN 0 THEN 'done' WHEN 1 THEN 'dlq' WHEN 2 THEN 'running'
			ELSE p.outcome::text END AS outcome,
		t.cluster_id, t.topic, p.partition, p.record_offset, p.record_timestamp_ms, p.at, p.key,
		encode(p.decision, 'escape') AS decision
	FROM onced.processed_events p
	JOIN onced.scopes s ON s.id = p.scope
	JOIN onced.topics t ON t.id = p.topic;

-- Attempts already made on records that are not settled yet.
CREATE TABLE onced.delivery_attempts (
	group_id text NOT NULL,
	topic smallint NOT NULL,
	partition integer NOT NULL,
	record_offset bigint NOT NULL,
	record_timestamp_ms bigint NOT NULL,
	attempts integer NOT NULL,
	first_failure_ms bigint NOT NULL,
	last_failure_ms bigint NOT NULL,
	PRIMARY KEY (group_id, topic, partition, record_offset)
);

-- Partitions that a group has worked on, with the last offset it committed: tells lost from new.
CREATE TABLE onced.partitions_seen (
	group_id text NOT NULL,
	topic smallint NOT NULL,
	partition integer NOT NULL,
	committed bigint NOT NULL,
	at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (group_id, topic, partition)
);

-- The last pause or resume of each scope: CONSUMER, CONSUMER:TOPIC or CONSUMER:TOPIC:PARTITION; the newest
-- stamp wins.
CREATE TABLE onced.pauses (
	consumer text PRIMARY KEY,
	is_paused boolean NOT NULL,
	since_ms bigint NOT NULL,
	until_ms bigint NOT NULL, -- 0: for ever
	who text NOT NULL,
	reason text NOT NULL
);

-- The dedup key of an event: the first 16 bytes of SHA-256 over scope, source and id, each preceded by
-- its length as 4 bytes big-endian. The source is the topic unless configured otherwise.
CREATE FUNCTION onced.event_key(scope text, source text, id text) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
	SELECT pg_catalog.encode(pg_catalog.substr(pg_catalog.sha256(
		pg_catalog.int4send(pg_catalog.octet_length(pg_catalog.convert_to(scope, 'UTF8')))
		|| pg_catalog.convert_to(scope, 'UTF8')
		|| pg_catalog.int4send(pg_catalog.octet_length(pg_catalog.convert_to(source, 'UTF8')))
		|| pg_catalog.convert_to(source, 'UTF8')
		|| pg_catalog.int4send(pg_catalog.octet_length(pg_catalog.convert_to(id, 'UTF8')))
		|| pg_catalog.convert_to(id, 'UTF8')), 1, 16), 'hex')::uuid
$$;

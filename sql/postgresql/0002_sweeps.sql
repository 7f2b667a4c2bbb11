-- Version 2: who sweeps a scope's old rows, and how far he is; and the table in parts, for large installations.
--
-- The owner is a random token of a worker that renews its time with every step; the next one goes on at the
-- same place. A pass looks at every page of onced.processed_events, partition by partition where it has some.

CREATE TABLE onced.sweeps (
	scope smallint PRIMARY KEY,
	part integer NOT NULL DEFAULT 0, -- the partition of the table, in the order of their numbers
	page bigint NOT NULL DEFAULT 0, -- its first page that this pass has not looked at
	owner bytea NOT NULL,
	until timestamptz NOT NULL, -- the owner's time is over
	ended_at timestamptz NOT NULL DEFAULT '-infinity' -- the last pass
);

-- Make onced.processed_events a table of hash partitions: smaller indexes, each vacuumed by itself. Rows are
-- moved while the table is locked, so that it is best done when there are few. `oncectl migrate --partitions N`
-- calls this; who may work on the table may work on its parts.
CREATE FUNCTION onced.partition_events(parts integer) RETURNS integer LANGUAGE plpgsql
AS $$
DECLARE
	present integer;
	definition text;
	allowed record;
BEGIN
	IF parts < 2 OR parts > 256 THEN
		RAISE EXCEPTION 'from 2 to 256 partitions, not %', parts;
	END IF;
	LOCK TABLE onced.processed_events IN ACCESS EXCLUSIVE MODE;
	SELECT count(*) INTO present FROM pg_catalog.pg_inherits
		WHERE inhparent = 'onced.processed_events'::regclass;
	IF present = parts THEN
		RETURN 0;
	END IF;
	IF present > 0 THEN
		RAISE EXCEPTION 'onced.processed_events has % partitions already; their number cannot change', present;
	END IF;
	definition := pg_catalog.pg_get_viewdef('onced.events'::regclass);
	CREATE TEMPORARY TABLE onced_allowed ON COMMIT DROP AS
		SELECT c.relname, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee,
			a.privilege_type
		FROM pg_catalog.pg_class c, LATERAL pg_catalog.aclexplode(c.relacl) a
		WHERE c.oid IN ('onced.processed_events'::regclass, 'onced.events'::regclass)
			AND a.grantee <> c.relowner;
	DROP VIEW onced.events;
	ALTER TABLE onced.processed_events RENAME TO processed_events_whole;
	ALTER INDEX onced.processed_events_pkey RENAME TO processed_events_whole_pkey;
	ALTER INDEX onced.processed_events_at RENAME TO processed_events_whole_at;
	CREATE TABLE onced.processed_events (LIKE onced.processed_events_whole INCLUDING DEFAULTS)
		PARTITION BY HASH (key);
	FOR i IN 0 .. parts - 1 LOOP
		EXECUTE format('CREATE TABLE onced.processed_events_%s PARTITION OF onced.processed_events'
			' FOR VALUES WITH (MODULUS %s, REMAINDER %s)', i, parts, i);
	END LOOP;
	INSERT INTO onced.processed_events SELECT * FROM onced.processed_events_whole;
	ALTER TABLE onced.processed_events ADD CONSTRAINT processed_events_by_key PRIMARY KEY (key);
	DROP TABLE onced.processed_events_whole;
	CREATE INDEX processed_events_at ON onced.processed_events
		USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
	EXECUTE 'CREATE VIEW onced.events AS ' || replace(definition, 'processed_events_whole', 'processed_events');
	FOR allowed IN SELECT format('%I.%I', n.nspname, c.relname) AS made, a.privilege_type, a.grantee
		FROM onced_allowed a, pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'onced' AND (c.relname = a.relname OR (a.relname = 'processed_events'
			AND c.oid IN (SELECT inhrelid FROM pg_catalog.pg_inherits
				WHERE inhparent = 'onced.processed_events'::regclass)))
	LOOP
		EXECUTE format('GRANT %s ON %s TO %s', allowed.privilege_type, allowed.made, allowed.grantee);
	END LOOP;
	UPDATE onced.sweeps SET part = 0, page = 0;
	RETURN parts;
END
$$;

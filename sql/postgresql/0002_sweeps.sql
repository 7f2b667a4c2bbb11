-- Version 2: who sweeps a scope's old rows, and how far he is.
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

-- Version 2: who sweeps a scope's old rows, and how far he is.
--
-- The owner is a random token of a worker that renews its time with every step; the next one goes on at the
-- same place. A pass looks at the rows in the order of their age. Times are milliseconds since 1970.

CREATE TABLE onced_sweeps (
	scope INTEGER PRIMARY KEY,
	swept_to INTEGER NOT NULL, -- the pass has looked at all rows that are older
	owner BLOB NOT NULL,
	until INTEGER NOT NULL, -- the owner's time is over
	ended_at INTEGER NOT NULL -- the last pass, 0 none
);

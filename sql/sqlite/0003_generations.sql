-- Version 3: generations of a dedup scope. A rebuild begins the next one, so that what was applied before is
-- applied again, once.
--
-- Generation 1 of a scope is the scope's own row. A later one, N, has a row named SCOPE#N. The scope's own row
-- says which one is in use; every transaction that claims looks at it first.

ALTER TABLE onced_scopes ADD COLUMN base INTEGER; -- of a later generation: the scope's own row
ALTER TABLE onced_scopes ADD COLUMN generation INTEGER NOT NULL DEFAULT 1; -- in use; else: its number
ALTER TABLE onced_scopes ADD COLUMN rebuild TEXT NOT NULL DEFAULT ''; -- who began it: the token of a rebuild

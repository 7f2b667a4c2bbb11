-- Version 3: generations of a dedup scope. A rebuild begins the next one, so that what was applied before is
-- applied again, once.
--
-- Generation 1 of a scope is the scope's own row. A later one, N, has a row named SCOPE#N, whose name and number
-- its events have: onced.event_key('orders#2', ...). The scope's own row says which one is in use.

ALTER TABLE onced.scopes
	ADD COLUMN base smallint, -- of a later generation: the scope's own row
	ADD COLUMN generation integer NOT NULL DEFAULT 1, -- in use; of a later generation: its number
	ADD COLUMN rebuild text NOT NULL DEFAULT ''; -- who began it: the token of a rebuild

-- Every transaction that claims begins with this. It holds the generation until it ends: a rebuild, which takes
-- the same lock alone, waits for it. Whoever comes later with an earlier generation is refused, and what
-- it has in hand never takes effect. Two statements: the second one sees what the first one waited for.
CREATE FUNCTION onced.hold_generation(scope_id smallint, number integer) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM pg_catalog.pg_advisory_xact_lock_shared(1869505381, scope_id);
	PERFORM FROM onced.scopes s WHERE s.id = scope_id AND s.generation = number;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'ON001', MESSAGE =
			'the dedup scope has a new generation: what was read before a rebuild began is not applied';
	END IF;
END
$$;

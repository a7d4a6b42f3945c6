-- Two processes that make the same partition at the same moment do not get in each other's way.
CREATE OR REPLACE FUNCTION make_partition(parent text, begins timestamptz, ends timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := parent || to_char(begins AT TIME ZONE 'UTC', '"_"YYYYMMDD"t"HH24');
BEGIN
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext(name));
    -- what somebody else has made meanwhile is in the table already, and not yet in our cache of it
    IF NOT EXISTS (
        SELECT FROM pg_class
        WHERE relname = name AND relnamespace = current_schema()::regnamespace
    ) THEN
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, name, begins, ends);
    END IF;
END $$;

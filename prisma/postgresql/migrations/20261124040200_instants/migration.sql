-- A time as ISO text, or NULL where it is none: the cast alone fails on the first bad one, depends on the session's zone, and so
-- cannot be indexed. What has no zone is taken as UTC.
CREATE FUNCTION penstock_instant(value TEXT) RETURNS TIMESTAMPTZ LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF value !~ '^(?!0000)\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-](0\d|1[0-4]):[0-5]\d)?$' THEN
        RETURN NULL;
    END IF;
    IF substr(value, 9, 2)::int > date_part('day', (substr(value, 1, 7) || '-01')::date + interval '1 month' - interval '1 day') THEN
        RETURN NULL;
    END IF;
    IF value ~ '(Z|[+-]\d{2}:\d{2})$' THEN
        RETURN value::timestamptz;
    END IF;
    RETURN (value || 'Z')::timestamptz;
END
$$;

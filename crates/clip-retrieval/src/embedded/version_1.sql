-- A file of version 1 as one of version 2, for those who read it alone.
CREATE TEMP VIEW tags AS SELECT key, tag, 0 AS in_file, 1 AS added FROM main.tags;
CREATE TEMP VIEW failures AS
    SELECT *, NULL AS status_changed, NULL AS reader, NULL AS max_megapixels FROM main.failures;
CREATE TEMP TABLE kept_tags (path TEXT, hash BLOB, tag TEXT, added INTEGER);

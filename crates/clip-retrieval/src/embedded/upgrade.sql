-- From version 1 to 2. Nobody knows which tags the files have and which a user added: as added none
-- is lost.
ALTER TABLE tags ADD COLUMN in_file INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tags ADD COLUMN added INTEGER;
UPDATE tags SET added = 1;
ALTER TABLE failures ADD COLUMN status_changed INTEGER;
ALTER TABLE failures ADD COLUMN reader TEXT;
ALTER TABLE failures ADD COLUMN max_megapixels INTEGER;
CREATE TABLE kept_tags (
    path  TEXT NOT NULL,
    hash  BLOB,
    tag   TEXT NOT NULL,
    added INTEGER NOT NULL,
    PRIMARY KEY (path, tag)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 2;

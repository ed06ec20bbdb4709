-- The catalog of a library: what its vectors stand for. Version 2.

-- One row: whose vectors these are.
CREATE TABLE library (
    fingerprint TEXT NOT NULL,
    model       TEXT NOT NULL,
    dimension   INTEGER NOT NULL,
    precision   TEXT NOT NULL
) STRICT;

-- Keys are never used again: a vector in a segment is found by the key of its item.
CREATE TABLE items (
    key       INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    modality  TEXT NOT NULL,
    path      TEXT,
    text      TEXT,
    size      INTEGER,
    modified  INTEGER,
    hash      BLOB,
    width     INTEGER,
    height    INTEGER,
    taken     INTEGER,
    latitude  REAL,
    longitude REAL,
    CHECK ((path IS NULL) <> (text IS NULL))
) STRICT;
CREATE INDEX items_path ON items (path) WHERE path IS NOT NULL;
CREATE INDEX items_hash ON items (hash) WHERE hash IS NOT NULL;
CREATE INDEX items_modality ON items (modality);

-- Tags: keywords of the file (in_file), and what a user said: added (1) or removed (0), null where
-- nothing. An item has those that were added, and those of the file that were not removed.
CREATE TABLE tags (
    key     INTEGER NOT NULL REFERENCES items ON DELETE CASCADE,
    tag     TEXT NOT NULL,
    in_file INTEGER NOT NULL,
    added   INTEGER,
    PRIMARY KEY (key, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_tag ON tags (tag);

-- Vectors that are in no segment yet, little-endian f32.
CREATE TABLE pending (
    key    INTEGER PRIMARY KEY REFERENCES items ON DELETE CASCADE,
    vector BLOB NOT NULL
) STRICT;

-- Files of vectors; dead is a set of rows whose items are gone, or have a newer vector.
CREATE TABLE segments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    rows   INTEGER NOT NULL,
    dead   BLOB
) STRICT;

-- Files that could not be read, in the state in which they could not.
CREATE TABLE failures (
    path     TEXT PRIMARY KEY,
    size     INTEGER,
    modified INTEGER,
    error    TEXT NOT NULL,
    status_changed INTEGER,
    reader         TEXT,
    max_megapixels INTEGER
) STRICT, WITHOUT ROWID;

-- What a user said of the tags of files that have no item: gone, left out, or not to be read.
CREATE TABLE kept_tags (
    path  TEXT NOT NULL,
    hash  BLOB,
    tag   TEXT NOT NULL,
    added INTEGER NOT NULL,
    PRIMARY KEY (path, tag)
) STRICT, WITHOUT ROWID;

-- What the store keeps, made by whichever worker is first.
--
-- key: at most 480 bytes, because an index entry must fit a third of a page; of a longer name its
-- beginning and its digest, and the whole of it in `name`. version 0: a place that somebody holds
-- whose transaction has not ended; none is ever committed.
--
-- Every commit replaces a row, so pages keep room for the next one (a HOT update, which leaves the
-- index alone), and vacuum comes early.
CREATE TABLE IF NOT EXISTS {records} (
    key bytea PRIMARY KEY,
    name bytea,
    version bigint NOT NULL,
    txid bigint NOT NULL,
    expires double precision NOT NULL,
    data bytea NOT NULL
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.2
);
-- A server that crashed gives the ids of transactions that left no trace to other transactions. It
-- also empties unlogged tables: a new token is a new life of the server, and says which ids are of
-- before: below `lower` all, from `upper` on none.
CREATE UNLOGGED TABLE IF NOT EXISTS {life} (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    token bigint NOT NULL,
    lower xid8 NOT NULL,
    upper xid8 NOT NULL
);
CREATE TABLE IF NOT EXISTS {meta} (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    schema_version integer NOT NULL
);
INSERT INTO {meta} (schema_version) VALUES (1) ON CONFLICT DO NOTHING

-- Which migrations were applied, in which text. Two processes that migrate at
-- once write equal rows, which are read as one.
CREATE TABLE IF NOT EXISTS migrations{{.OnCluster}} (
    number      UInt32,
    name        String,
    checksum    String,
    applied_at  DateTime64(6, 'UTC')
)
ENGINE = {{.EverywhereEngine "MergeTree"}}
ORDER BY (number, checksum)

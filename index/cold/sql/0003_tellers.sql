-- Which sources told of an entity, as what changed or as what something depends
-- on, and the first position that did: who must be heard before one believes
-- that nothing changed there. The least position is enough, and writing a row
-- twice changes nothing.
CREATE TABLE IF NOT EXISTS {{.Table "tellers"}} (
    entity     String,
    source     LowCardinality(String),
    first_told SimpleAggregateFunction(min, Tuple(UInt64, UInt32))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
ORDER BY (entity, source)
SETTINGS index_granularity = 1024;

{{.Distributed "tellers" "cityHash64(entity)"}}

INSERT INTO tellers
SELECT entity, source, min(told)
FROM (
    SELECT entity, source, (sequence, ordinal) AS told FROM events
    UNION ALL
    SELECT dependency, source, (sequence, ordinal) FROM events WHERE dependency != ''
)
GROUP BY entity, source;

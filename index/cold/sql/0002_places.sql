-- Every entity that some event told of, as what changed or as what something
-- depends on, by where the event placed it: from which position on it is known
-- there, and the last one that told of a change to it there. An event that
-- names no place tells of the empty one; so does a dependency, of a change to
-- nothing: position (0, 0).
--
-- An entity is known at P if its first position is not after P, so the least
-- one is enough, and writing a row twice changes nothing. Kind, namespace and
-- name are parts of entity, kept because references are ordered by them.
--
-- It takes the place of entities, which knew no places.
CREATE TABLE IF NOT EXISTS {{.Table "places"}} (
    entity      String,
    kind        LowCardinality(String),
    namespace   String,
    name        String,
    environment LowCardinality(String),
    region      LowCardinality(String),
    first_told  SimpleAggregateFunction(min, Tuple(UInt64, UInt32)),
    last_told   SimpleAggregateFunction(max, Tuple(UInt64, UInt32))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PRIMARY KEY entity
ORDER BY (entity, kind, namespace, name, environment, region)
SETTINGS index_granularity = 1024;

{{.Distributed "places" "cityHash64(entity)"}}

-- kind:namespace/name, of which only the name may hold a further slash.
INSERT INTO places
SELECT entity, substring(entity, 1, position(entity, ':') - 1), extract(entity, '^[^:]*:([^/]*)/'), extract(entity, '^[^/]*/(.*)$'),
    environment, region, min(first), max(last)
FROM (
    SELECT entity, environment, region, (sequence, ordinal) AS first, (sequence, ordinal) AS last FROM events
    UNION ALL
    SELECT dependency, '', '', (sequence, ordinal), (toUInt64(0), toUInt32(0)) FROM events WHERE dependency != ''
)
GROUP BY entity, environment, region;

DROP TABLE IF EXISTS entities{{.OnCluster}};
{{- if .Cluster}}
DROP TABLE IF EXISTS entities_local{{.OnCluster}};{{end}}

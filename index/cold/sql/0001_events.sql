-- What whatchanged keeps for ever. Times are UTC at microseconds, positions
-- are (sequence, ordinal): the number of the delivery in the change log and
-- the index of the event within it.
--
-- The text is a template for two layouts. Single: one server. Cluster: each
-- table is a Replicated*MergeTree on every node, named *_local, under a
-- Distributed table of the plain name. The cluster layout has golden files and
-- has not been run.
--
-- Every statement may be run again: a migration that was cut short is repeated
-- whole, and two processes that migrate at once do no harm.

-- Every change event, once.
--
-- MergeTree, not Replacing: the writer never stores a position twice, so reads
--   need no FINAL (20 times the cost, and it loses the projections), and the
--   first receipt of a duplicate stands, which knownAt relies on.
-- ORDER BY: "what happened to these, lately" is asked more than all else. The
--   position completes the order, so that it is total and pages can be cut.
-- Not partitioned: one insert may touch at most 100 partitions and is atomic
--   within one only; an import spans decades; and it is the number of parts
--   that slows reads. History is never dropped by age, so nothing needs them.
-- index_granularity 1024: most reads fetch few rows of few entities.
-- by_time: whole-estate windows ("everything, last 2 h") read only their own
--   granules. It doubles the bytes; without it such a window reads the table.
-- by_id: looking up a thousand imported ids reads at most a thousand granules,
--   where a bloom filter would let nearly all of them through. Narrow: only
--   what the duplicate check asks for.
-- events_id: to fetch a few ids with all their columns.
-- events_sequence, events_seen: what came lately lies in young parts; old
--   granules are passed over by their minimum and maximum.
-- Codecs: sorted numbers and times are stored as differences; the JSON
--   documents, which are long and alike, are worth a higher ZSTD level.
-- Deduplication window: a repeated insert of the same rows under the same token
--   is dropped, so a batch whose confirmation was lost may be sent again.
CREATE TABLE IF NOT EXISTS {{.Table "events"}} (
    sequence             UInt64                CODEC(Delta, ZSTD(1)),
    ordinal              UInt32                CODEC(T64, ZSTD(1)),
    id                   String                CODEC(ZSTD(1)),
    revision             UInt32                CODEC(T64, ZSTD(1)),
    source               LowCardinality(String),
    kind                 LowCardinality(String),
    action               LowCardinality(String),
    entity               String                CODEC(ZSTD(1)),
    environment          LowCardinality(String),
    region               LowCardinality(String),
    cluster              LowCardinality(String),
    cell                 LowCardinality(String),
    actor                String                CODEC(ZSTD(1)),
    actor_is             Enum8('unknown' = 0, 'human' = 1, 'automation' = 2), -- unknown: the source names no actor
    written_at           Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    effective_at         DateTime64(6, 'UTC')  CODEC(Delta, ZSTD(1)),
    seen_at              DateTime64(6, 'UTC')  CODEC(Delta, ZSTD(1)),
    clock                LowCardinality(String),
    before               String                CODEC(ZSTD(3)), -- JSON; empty: not said
    after                String                CODEC(ZSTD(3)), -- JSON; empty: not said
    diff                 String                CODEC(ZSTD(3)), -- JSON array of edits; empty: none
    version              String                CODEC(ZSTD(1)),
    previous_version     String                CODEC(ZSTD(1)),
    commits              Array(String)         CODEC(ZSTD(1)),
    reverts              String                CODEC(ZSTD(1)),
    summary              String                CODEC(ZSTD(1)),
    approval             String                CODEC(ZSTD(3)), -- JSON object; empty: none
    validation           String                CODEC(ZSTD(3)), -- JSON object; empty: none
    links                String                CODEC(ZSTD(3)), -- JSON array; empty: none
    rollout              String                CODEC(ZSTD(1)), -- id of the rollout this is a step of; empty with the phase: none
    rollout_phase        LowCardinality(String),
    rollout_share        Nullable(Float64)     CODEC(ZSTD(1)),
    dependency           String                CODEC(ZSTD(1)), -- what the entity depends on; empty: the event tells of no edge
    dependency_evidence  LowCardinality(String),
    dependency_removed   Bool,
    parent               String                CODEC(ZSTD(1)),
    attributes           Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    INDEX events_id id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX events_sequence sequence TYPE minmax GRANULARITY 1,
    INDEX events_seen seen_at TYPE minmax GRANULARITY 1,
    PROJECTION by_time (SELECT * ORDER BY effective_at, sequence, ordinal),
    PROJECTION by_id (SELECT id, revision, sequence, ordinal ORDER BY id, revision)
)
ENGINE = {{.Engine "MergeTree"}}
ORDER BY (entity, effective_at, sequence, ordinal)
SETTINGS index_granularity = 1024, {{.DeduplicationWindow}} = 1000;

{{.Distributed "events" "cityHash64(entity)"}}

-- Every delivery as received, after redaction, accepted or not.
--
-- Written last in each batch: its greatest sequence is the watermark, and all
--   tables are complete up to there.
-- index_granularity 128: bodies are kilobytes, and are read one at a time.
-- deliveries_received: arrival times rise with the sequence, so an interval of
--   arrival reads only its own granules.
-- batch is the first sequence of the insert that wrote the row. On a cluster it
--   is the sharding key: one insert goes to one shard, whole or not at all, and
--   the watermark never runs ahead of a row that another shard lost.
CREATE TABLE IF NOT EXISTS {{.Table "deliveries"}} (
    sequence     UInt64               CODEC(Delta, ZSTD(1)),
    batch        UInt64               CODEC(Delta, ZSTD(1)),
    received_at  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    source       LowCardinality(String),
    type         LowCardinality(String), -- the sender's name for the payload
    id           String               CODEC(ZSTD(1)), -- the sender's id of the delivery
    outcome      LowCardinality(String),
    reason       String               CODEC(ZSTD(1)),
    field        String               CODEC(ZSTD(1)),
    header       Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    body         String               CODEC(ZSTD(3)),
    events       UInt32               CODEC(T64, ZSTD(1)), -- how many it became
    INDEX deliveries_received received_at TYPE minmax GRANULARITY 1
)
ENGINE = {{.Engine "MergeTree"}}
ORDER BY sequence
SETTINGS index_granularity = 128, {{.DeduplicationWindow}} = 1000;

{{.Distributed "deliveries" "cityHash64(batch)"}}

-- The tables below are derived from events. The writer fills them itself and
-- not through materialized views: were the process to die between a table and
-- its view, the retry would find the table's rows there, skip them, and the
-- view's rows would be lost. Writing any of them twice changes nothing.

-- Every entity that some event told of, as what changed or as what something
-- depends on, and the first position that did. An entity is known at P if that
-- position is not after P, so one row for each is enough. Kind, namespace and
-- name are parts of entity, kept because references are ordered by them.
CREATE TABLE IF NOT EXISTS {{.Table "entities"}} (
    entity      String,
    kind        LowCardinality(String),
    namespace   String,
    name        String,
    first_known SimpleAggregateFunction(min, Tuple(UInt64, UInt32))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
PRIMARY KEY entity
ORDER BY (entity, kind, namespace, name)
SETTINGS index_granularity = 1024;

{{.Distributed "entities" "cityHash64(entity)"}}

-- Every version of every dependency edge, twice: under the entity that depends
-- (direction dependsOn, other is what it needs) and under the one needed
-- (direction dependents, other is what needs it). So a step of a walk is one
-- run of granules whichever way it goes, on one shard.
--
-- Replacing over the whole key: rows that are equal in all of it are the same
-- row written twice; which of them stays does not matter, nor when.
CREATE TABLE IF NOT EXISTS {{.Table "dependencies"}} (
    entity        String               CODEC(ZSTD(1)),
    direction     Enum8('dependsOn' = 1, 'dependents' = 2),
    other         String               CODEC(ZSTD(1)),
    evidence      LowCardinality(String),
    effective_at  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    sequence      UInt64               CODEC(Delta, ZSTD(1)),
    ordinal       UInt32               CODEC(T64, ZSTD(1)),
    removed       Bool,
    id            String               CODEC(ZSTD(1)), -- of the event, to leave out what was corrected
    revision      UInt32               CODEC(T64, ZSTD(1))
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
ORDER BY (entity, direction, other, evidence, effective_at, sequence, ordinal)
SETTINGS index_granularity = 1024;

{{.Distributed "dependencies" "cityHash64(entity)"}}

-- Every event of a revision above 0. Reads look here first, and then leave out
-- every event of which a later revision was known; the events table need not
-- be grouped by id for that.
CREATE TABLE IF NOT EXISTS {{.Table "corrections"}} (
    id        String,
    revision  UInt32,
    sequence  UInt64,
    ordinal   UInt32
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
ORDER BY (id, revision, sequence, ordinal)
SETTINGS index_granularity = 1024;

{{.Distributed "corrections" "cityHash64(id)"}}

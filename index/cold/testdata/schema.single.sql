CREATE TABLE IF NOT EXISTS migrations (
    number      UInt32,
    name        String,
    checksum    String,
    applied_at  DateTime64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (number, checksum);

-- 0001_events.sql
CREATE TABLE IF NOT EXISTS events (
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
    actor_is             Enum8('unknown' = 0, 'human' = 1, 'automation' = 2),
    written_at           Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    effective_at         DateTime64(6, 'UTC')  CODEC(Delta, ZSTD(1)),
    seen_at              DateTime64(6, 'UTC')  CODEC(Delta, ZSTD(1)),
    clock                LowCardinality(String),
    before               String                CODEC(ZSTD(3)),
    after                String                CODEC(ZSTD(3)),
    diff                 String                CODEC(ZSTD(3)),
    version              String                CODEC(ZSTD(1)),
    previous_version     String                CODEC(ZSTD(1)),
    commits              Array(String)         CODEC(ZSTD(1)),
    reverts              String                CODEC(ZSTD(1)),
    summary              String                CODEC(ZSTD(1)),
    approval             String                CODEC(ZSTD(3)),
    validation           String                CODEC(ZSTD(3)),
    links                String                CODEC(ZSTD(3)),
    rollout              String                CODEC(ZSTD(1)),
    rollout_phase        LowCardinality(String),
    rollout_share        Nullable(Float64)     CODEC(ZSTD(1)),
    dependency           String                CODEC(ZSTD(1)),
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
ENGINE = MergeTree
ORDER BY (entity, effective_at, sequence, ordinal)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS deliveries (
    sequence     UInt64               CODEC(Delta, ZSTD(1)),
    batch        UInt64               CODEC(Delta, ZSTD(1)),
    received_at  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    source       LowCardinality(String),
    type         LowCardinality(String),
    id           String               CODEC(ZSTD(1)),
    outcome      LowCardinality(String),
    reason       String               CODEC(ZSTD(1)),
    field        String               CODEC(ZSTD(1)),
    header       Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    body         String               CODEC(ZSTD(3)),
    events       UInt32               CODEC(T64, ZSTD(1)),
    INDEX deliveries_received received_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY sequence
SETTINGS index_granularity = 128, non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS entities (
    entity      String,
    kind        LowCardinality(String),
    namespace   String,
    name        String,
    first_known SimpleAggregateFunction(min, Tuple(UInt64, UInt32))
)
ENGINE = AggregatingMergeTree
PRIMARY KEY entity
ORDER BY (entity, kind, namespace, name)
SETTINGS index_granularity = 1024;

CREATE TABLE IF NOT EXISTS dependencies (
    entity        String               CODEC(ZSTD(1)),
    direction     Enum8('dependsOn' = 1, 'dependents' = 2),
    other         String               CODEC(ZSTD(1)),
    evidence      LowCardinality(String),
    effective_at  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    sequence      UInt64               CODEC(Delta, ZSTD(1)),
    ordinal       UInt32               CODEC(T64, ZSTD(1)),
    removed       Bool,
    id            String               CODEC(ZSTD(1)),
    revision      UInt32               CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (entity, direction, other, evidence, effective_at, sequence, ordinal)
SETTINGS index_granularity = 1024;

CREATE TABLE IF NOT EXISTS corrections (
    id        String,
    revision  UInt32,
    sequence  UInt64,
    ordinal   UInt32
)
ENGINE = ReplacingMergeTree
ORDER BY (id, revision, sequence, ordinal)
SETTINGS index_granularity = 1024;

-- 0002_places.sql
CREATE TABLE IF NOT EXISTS places (
    entity      String,
    kind        LowCardinality(String),
    namespace   String,
    name        String,
    environment LowCardinality(String),
    region      LowCardinality(String),
    first_told  SimpleAggregateFunction(min, Tuple(UInt64, UInt32)),
    last_told   SimpleAggregateFunction(max, Tuple(UInt64, UInt32))
)
ENGINE = AggregatingMergeTree
PRIMARY KEY entity
ORDER BY (entity, kind, namespace, name, environment, region)
SETTINGS index_granularity = 1024;

INSERT INTO places
SELECT entity, substring(entity, 1, position(entity, ':') - 1), extract(entity, '^[^:]*:([^/]*)/'), extract(entity, '^[^/]*/(.*)$'),
    environment, region, min(first), max(last)
FROM (
    SELECT entity, environment, region, (sequence, ordinal) AS first, (sequence, ordinal) AS last FROM events
    UNION ALL
    SELECT dependency, '', '', (sequence, ordinal), (toUInt64(0), toUInt32(0)) FROM events WHERE dependency != ''
)
GROUP BY entity, environment, region;

DROP TABLE IF EXISTS entities;

-- 0003_tellers.sql
CREATE TABLE IF NOT EXISTS tellers (
    entity     String,
    source     LowCardinality(String),
    first_told SimpleAggregateFunction(min, Tuple(UInt64, UInt32))
)
ENGINE = AggregatingMergeTree
ORDER BY (entity, source)
SETTINGS index_granularity = 1024;

INSERT INTO tellers
SELECT entity, source, min(told)
FROM (
    SELECT entity, source, (sequence, ordinal) AS told FROM events
    UNION ALL
    SELECT dependency, source, (sequence, ordinal) FROM events WHERE dependency != ''
)
GROUP BY entity, source;

-- 0004_compression.sql
ALTER TABLE events MODIFY SETTING default_compression_codec = 'ZSTD(1)', min_compress_block_size = 16384;

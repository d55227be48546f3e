-- A settled estate, made inside ClickHouse: {n} changes of settings over ninety
-- days, a thousand of each key, in three regions.
INSERT INTO events (sequence, ordinal, id, revision, source, kind, action, entity, environment, region, cluster, cell,
    actor, actor_is, effective_at, seen_at, clock, before, after, version, previous_version, summary)
SELECT number + 1, 0, concat('config/', toString(number)), 0, 'git', 'config', 'changed', concat('config:team-', toString(number % 100), '/key-', toString(intDiv(number, 100) % {keys:UInt64})),
    'production', ['eu-west-1', 'us-east-1', 'ap-south-1'][1 + intHash64(number) % 3], '', '',
    concat('person-', toString(intHash64(number + 1) % 500)), 'human', at, at, 'source',
    concat('{"timeout":', toString(intHash64(number) % 400), '}'), concat('{"timeout":', toString(intHash64(number + 7) % 400), '}'),
    concat('v', toString(number % 1000)), '', concat('Raise the timeout of ', toString(number % 977))
FROM (SELECT number, toDateTime64('2026-01-01 00:00:00', 6, 'UTC') + toIntervalMicrosecond(intDiv(number * 7776000000, {n:UInt64}) * 1000) AS at FROM numbers({from:UInt64}, {batch:UInt64}))

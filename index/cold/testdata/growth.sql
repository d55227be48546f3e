-- A settled estate, made inside ClickHouse: {n} changes of settings over ninety
-- days, a thousand of each key, in three regions, with every field that the
-- readers of git fill in. One in ten was approved, one in two hundred is a
-- correction of the change of its key before it.
INSERT INTO events (sequence, ordinal, id, revision, source, kind, action, entity, environment, region, cluster, cell,
    actor, actor_is, written_at, effective_at, seen_at, clock, before, after, diff, version, previous_version, commits, summary, approval, links, attributes)
WITH intHash64(number) AS h, intDiv(number, 100) AS round, lower(hex(sipHash128(number))) AS sha, intHash64(number + 3) % 200 = 0 AND round >= {keys:UInt64} AS corrects,
    concat('{"timeout":', toString(h % 400), ',"retries":', toString(h % 7), '}') AS old, concat('{"timeout":', toString(h % 401 + 1), ',"retries":', toString(h % 7), '}') AS new
SELECT number + 1, 0, concat('git/acme/config-', toString(number % 10), '/', lower(hex(sipHash128(if(corrects, number - 100 * {keys:UInt64}, number)))), '/services/key-', toString(round % {keys:UInt64}), '.yaml'), corrects,
    'git', 'config', 'changed', concat('config:team-', toString(number % 100), '/key-', toString(round % {keys:UInt64})),
    'production', ['eu-west-1', 'us-east-1', 'ap-south-1'][1 + h % 3], '', '',
    concat('person-', toString(h % 500)), if(h % 3 = 0, 'automation', 'human'), at - toIntervalSecond(h % 600), at, at + toIntervalMillisecond(h % 60000), 'source',
    old, new, concat('[{"op":"replace","path":"/timeout","value":', toString(h % 401 + 1), ',"was":', toString(h % 400), '}]'),
    concat('v', toString(round)), concat('v', toString(toInt64(round) - 1)), [concat(sha, substring(sha, 1, 8))],
    concat(['Raise', 'Lower', 'Fix', 'Revert'][1 + h % 4], ' the ', ['cart', 'search', 'login', 'upload', 'payment'][1 + h % 5], ' timeout of key-', toString(round % {keys:UInt64}), ' (#', toString(h % 90000), ')'),
    if(h % 10 = 0, concat('{"by":"person-', toString(h % 77), '","policy":"two-people","breakGlass":false}'), ''),
    concat('[{"rel":"evidence","url":"https://git.example.com/acme/config-', toString(number % 10), '/commit/', sha, '"}]'),
    map('ticket', concat('OPS-', toString(h % 50000)), 'file', concat('services/key-', toString(round % {keys:UInt64}), '.yaml'))
FROM (SELECT number, toDateTime64('2026-01-01 00:00:00', 6, 'UTC') + toIntervalMicrosecond(intDiv(number * 7776000000, {n:UInt64}) * 1000) AS at FROM numbers({from:UInt64}, {batch:UInt64}))
-- One block, and so one part, of each insert.
SETTINGS max_block_size = 2000000, min_insert_block_size_rows = 2000000, min_insert_block_size_bytes = 0, max_insert_threads = 1

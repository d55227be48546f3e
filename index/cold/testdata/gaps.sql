-- How long deliveries, and runs, of each source were apart, by whole seconds
-- rounded up to four significant bits: see whatchanged.GapSeconds. Only of the
-- last weeks, since an index by arrival finds these.
WITH intDiv(greatest(toUnixTimestamp64Micro(received_at) - toUnixTimestamp64Micro(previous), 0) + 999999, 1000000) AS gap,
  if(gap < 16, 1, intDiv(roundToExp2(gap), 8)) AS step
SELECT source, ran, toInt64(intDiv(toUnixTimestamp64Micro(previous), 86400000000)) AS day,
  toInt64(intDiv(gap + step - 1, step) * step) AS seconds, count() AS times
FROM (
  SELECT source, type = 'whatchanged.ran' AS ran, received_at,
    lagInFrame(received_at) OVER each AS previous, row_number() OVER each AS nth
  FROM deliveries
  WHERE sequence <= {known_sequence:UInt64} AND type NOT IN {connection:Array(String)}
    AND received_at >= {since:DateTime64(6, 'UTC')} AND received_at < {to:DateTime64(6, 'UTC')}
  WINDOW each AS (PARTITION BY source, ran ORDER BY sequence ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))
WHERE nth > 1
GROUP BY source, ran, day, seconds

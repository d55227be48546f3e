-- What arrived of each source: counts of an interval, and the last before its
-- end. Reports that readers make of themselves are told apart by their type.
SELECT source,
  countIf(told AND received_at >= {from:DateTime64(6, 'UTC')}) AS deliveries,
  countIf(told AND received_at >= {from:DateTime64(6, 'UTC')} AND outcome = 'rejected') AS rejected,
  countIf(told) AS all_told, maxIf(received_at, told) AS last_told,
  countIf(ran AND received_at >= {from:DateTime64(6, 'UTC')}) AS runs,
  countIf(ran) AS all_ran, maxIf(received_at, ran) AS last_ran,
  countIf(linked) AS all_linked, argMaxIf(type, sequence, linked) AS last_link, maxIf(received_at, linked) AS linked_at
FROM (
  SELECT source, received_at, outcome, type, sequence, received_at < {to:DateTime64(6, 'UTC')} AS arrived,
    arrived AND type = 'whatchanged.ran' AS ran,
    arrived AND type IN {connection:Array(String)} AS linked,
    arrived AND NOT ran AND NOT linked AS told
  FROM deliveries
  WHERE sequence <= {known_sequence:UInt64})
GROUP BY source
ORDER BY source

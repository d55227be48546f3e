-- How each source was heard in an interval of arrival.
SELECT source,
  countIf(received_at >= {from:DateTime64(6, 'UTC')} AND received_at < {to:DateTime64(6, 'UTC')}) AS received,
  countIf(received_at >= {from:DateTime64(6, 'UTC')} AND received_at < {to:DateTime64(6, 'UTC')} AND outcome = 'rejected') AS rejected,
  min(received_at) < {from:DateTime64(6, 'UTC')} AS heard_before,
  max(received_at) AS last_heard
FROM deliveries
WHERE sequence <= {known_sequence:UInt64}
GROUP BY source
ORDER BY source

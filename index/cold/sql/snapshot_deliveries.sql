-- The heads of the deliveries since the horizon.
SELECT sequence, received_at, source, outcome
FROM deliveries
WHERE sequence >= {horizon_sequence:UInt64} AND sequence <= {watermark:UInt64}
ORDER BY sequence

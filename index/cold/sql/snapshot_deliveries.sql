-- The heads of the deliveries since the horizon. Of their types only those of
-- the reports that readers make of themselves are of use.
SELECT sequence, received_at, source, outcome, if(startsWith(type, 'whatchanged.'), type, '') AS report
FROM deliveries
WHERE sequence >= {horizon_sequence:UInt64} AND sequence <= {watermark:UInt64}
ORDER BY sequence

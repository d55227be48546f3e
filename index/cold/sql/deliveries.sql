-- Deliveries as they were received, after redaction.
SELECT sequence, received_at, source, type, id, outcome, reason, field, header, body
FROM deliveries
WHERE sequence IN {sequences:Array(UInt64)} AND sequence <= {known_sequence:UInt64}
ORDER BY sequence

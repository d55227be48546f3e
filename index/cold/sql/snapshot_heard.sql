-- When each source was last heard before the horizon.
SELECT source, max(received_at) AS last_heard
FROM deliveries
WHERE sequence < {horizon_sequence:UInt64} AND sequence <= {watermark:UInt64}
GROUP BY source

-- Events beyond the watermark: their deliveries were never confirmed.
SELECT sequence, ordinal
FROM events
WHERE sequence > {after:UInt64}

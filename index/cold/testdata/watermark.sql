-- The last delivery; deliveries are written last, so all is complete up to it.
-- Read from the end of the key, so the first granule that has one suffices.
SELECT sequence, received_at
FROM deliveries
ORDER BY sequence DESC
LIMIT 1

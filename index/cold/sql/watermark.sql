-- The last delivery{{if .Before}} received before a moment{{end}}; deliveries are written last, so all is complete up to it.
-- Read from the end of the key, so the first granule that has one suffices.
SELECT sequence, received_at
FROM deliveries
{{- if .Before}}
WHERE received_at < {before:DateTime64(6, 'UTC')}{{end}}
ORDER BY sequence DESC
LIMIT 1

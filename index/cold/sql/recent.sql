-- The events learned of since a moment.
SELECT id, revision
FROM events
WHERE seen_at >= {since:DateTime64(6, 'UTC')}

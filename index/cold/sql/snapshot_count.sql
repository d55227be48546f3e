-- How many events took effect since a moment; the projection by_time leads to
-- them, and none of their columns is read.
SELECT count()
FROM events
WHERE effective_at >= {since:DateTime64(6, 'UTC')}

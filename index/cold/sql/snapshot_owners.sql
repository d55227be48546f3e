-- Every version of every owner, corrected ones too, so that the owner can be
-- told in every view. The kind is a narrow column, and only that is read of
-- the other events.
SELECT entity, after, effective_at, sequence, ordinal, id, revision
FROM events
WHERE kind = 'ownership' AND sequence <= {watermark:UInt64}

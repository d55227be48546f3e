-- Every version of every edge, each once, without those that were corrected by
-- the horizon's position.
SELECT DISTINCT entity, other, evidence, removed, effective_at, sequence, ordinal, id, revision
FROM dependencies
WHERE direction = 'dependsOn' AND sequence <= {watermark:UInt64}
  AND {{template "standing"}}

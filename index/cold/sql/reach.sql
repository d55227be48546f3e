-- One step of a walk: the edges at these entities that hold. Of each evidence
-- for an edge the version latest in effect counts, of equals the last heard.
SELECT DISTINCT entity, other
FROM (
  SELECT entity, other
  FROM dependencies
  WHERE entity IN {entities:Array(String)} AND direction = {direction:String}
    AND effective_at <= {as_of:DateTime64(6, 'UTC')} AND {{template "known"}}
    AND {{template "standing"}}
  GROUP BY entity, other, evidence
  HAVING NOT argMax(removed, (effective_at, sequence, ordinal))
)

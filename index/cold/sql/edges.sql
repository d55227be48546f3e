-- The edges at these entities, whichever end they are, that hold. An edge
-- between two of them is found under both and grouped to one. Of each evidence
-- the version latest in effect counts, of equals the last heard.
-- The order is that of whatchanged.Ref: with NUL, which no reference holds, in
-- place of its separators, text sorts by kind, namespace and name.
SELECT if(direction = 'dependsOn', entity, other) AS depending, if(direction = 'dependsOn', other, entity) AS needed, evidence,
  tupleElement(max((effective_at, sequence, ordinal)) AS latest, 1), latest.2, latest.3, argMax(id, (effective_at, sequence, ordinal))
FROM dependencies
WHERE entity IN {entities:Array(String)}
  AND effective_at <= {as_of:DateTime64(6, 'UTC')} AND {{template "known"}}
  AND {{template "standing"}}
GROUP BY depending, needed, evidence
HAVING NOT argMax(removed, (effective_at, sequence, ordinal))
ORDER BY replaceOne(replaceOne(depending, ':', '\0'), '/', '\0'), replaceOne(replaceOne(needed, ':', '\0'), '/', '\0'), evidence
LIMIT {limit:UInt64}

-- The entities of a selection, in the order of whatchanged.Ref, which is not
-- that of their text.
SELECT kind, namespace, name, tupleElement(min(first_told) AS first, 1), first.2
FROM places
WHERE true
{{- if .Refs}}
  AND entity IN {refs:Array(String)}{{end}}
{{- if .Kinds}}
  AND kind IN {kinds:Array(String)}{{end}}
{{- if .Text}}
  AND position(entity, {text:String}) > 0{{end}}
GROUP BY kind, namespace, name
HAVING first <= ({known_sequence:UInt64}, {known_ordinal:UInt32})
ORDER BY kind, namespace, name
LIMIT {limit:UInt64}

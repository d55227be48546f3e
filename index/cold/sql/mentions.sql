-- The events that carry a text, latest first, or how many there are.
SELECT {{if .Count}}count(){{else}}{{template "event"}}{{end}}
FROM events
WHERE {{template "known"}}
  AND effective_at <= {as_of:DateTime64(6, 'UTC')}
{{- if .Interval}}
  AND effective_at >= {from:DateTime64(6, 'UTC')} AND effective_at < {to:DateTime64(6, 'UTC')}{{end}}
  AND (id = {text:String} OR version = {text:String}
{{- if .Commit}}
    OR arrayExists(c -> startsWith(c, {text:String}), commits){{end}}
    OR ({{range $i, $_ := .Words}}{{if $i}} AND {{end}}positionCaseInsensitiveUTF8(summary, {word{{$i}}:String}) > 0{{end}}))
  AND {{template "standing"}}
{{- if not .Count}}
ORDER BY effective_at DESC, sequence DESC, ordinal DESC
LIMIT {limit:UInt64}{{end}}

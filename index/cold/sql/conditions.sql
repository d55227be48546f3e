{{- /* What several queries have in common. */ -}}

{{- /* The columns of an event, in the order of eventRow. */ -}}
{{- define "event"}}sequence, ordinal, id, revision, source, kind, action, entity, environment, region, cluster, cell,
    actor, actor_is, written_at, effective_at, seen_at, clock, before, after, diff, version, previous_version, commits, reverts,
    summary, approval, validation, links, rollout, rollout_phase, rollout_share,
    dependency, dependency_evidence, dependency_removed, parent, attributes{{end}}

{{- /* What a selection asks. */ -}}
{{- define "selected"}}{{template "known"}}
  AND effective_at <= {as_of:DateTime64(6, 'UTC')}
{{- if .Entities}}
  AND entity IN {entities:Array(String)}{{end}}
{{- if .IDs}}
  AND id IN {ids:Array(String)}{{end}}
{{- if .Kinds}}
  AND kind IN {kinds:Array(String)}{{end}}
{{- if .Steps}}
  AND (rollout != '' OR rollout_phase != ''){{end}}
{{- if .Interval}}
  AND effective_at >= {from:DateTime64(6, 'UTC')} AND effective_at < {to:DateTime64(6, 'UTC')}{{end}}
{{- if .Seen}}
  AND seen_at >= {seen_from:DateTime64(6, 'UTC')} AND seen_at < {seen_to:DateTime64(6, 'UTC')}{{end}}
{{- template "uncorrected" .}}{{end}}

{{- /* Only what comes after a key in the order asked for. */ -}}
{{- define "after"}}{{if .After}}
  AND (effective_at, sequence, ordinal) {{if .Descending}}<{{else}}>{{end}} ({after_at:DateTime64(6, 'UTC')}, {after_sequence:UInt64}, {after_ordinal:UInt32}){{end}}{{end}}

{{- /* The order asked for. */ -}}
{{- define "in_order"}}{{$order := ""}}{{if .Descending}}{{$order = " DESC"}}{{end -}}
effective_at{{$order}}, sequence{{$order}}, ordinal{{$order}}{{end}}

{{- /* Nothing beyond the position the view knows. */ -}}
{{- define "known"}}(sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}){{end}}

{{- /* Of a corrected event only the last revision known. Corrections are few,
so this is a small set to look in; events that were never corrected pass by its
first half. */ -}}
{{- define "standing"}}(id NOT IN (SELECT id FROM corrections WHERE {{template "known"}})
    OR (id, revision) IN (SELECT id, max(revision) FROM corrections WHERE {{template "known"}} GROUP BY id)){{end}}

{{- /* The same, or only without those events that are known to be stale. */ -}}
{{- define "uncorrected"}}{{if not .Trusting}}
  AND {{template "standing"}}
{{- else if .Stale}}
  AND NOT has(arrayZip({stale_ids:Array(String)}, {stale_revisions:Array(UInt32)}), (id, revision)){{end}}{{end}}

{{- /* A reference in its order: with NUL, which none holds, in place of its
separators, text sorts by kind, namespace and name. */ -}}
{{- define "ref_order"}}replaceOne(replaceOne(entity, ':', '\0'), '/', '\0'){{end}}

{{- /* The order of whatchanged.StateKey. */ -}}
{{- define "state_key"}}({{template "ref_order"}}, kind, environment, region, cluster, cell, observed){{end}}

{{- /* Which entities a selection of states is of. */ -}}
{{- define "of_state"}}{{if or .Entities .Prefixes}}({{if .Entities}}entity IN {entities:Array(String)}{{end}}
  {{- range $i, $_ := .Prefixes}}{{if or $i $.Entities}} OR {{end}}startsWith(entity, {prefix{{$i}}:String}){{end}}){{else}}true{{end}}{{end}}

{{- /* The events of the entities of a selection of states. */ -}}
{{- define "told"}}{{if .Whole}}sequence <= {known_sequence:UInt64}{{else}}{{template "known"}}{{end}} AND effective_at <= {as_of:DateTime64(6, 'UTC')}
    AND {{template "of_state" .}}
{{- if .Source}}
    AND source = {source:String}{{end}}
{{- if index .Attribute 0}}
    AND mapContains(attributes, {attribute:String}) AND attributes[{attribute:String}] = {attribute_value:String}{{end}}
{{- template "uncorrected" .}}{{end}}

{{- /* Those of them that set something. */ -}}
{{- define "settings"}}{{template "told" .}} AND kind IN {kinds:Array(String)}
    AND (kind != 'deployment' OR rollout = '' AND rollout_phase = '' OR rollout_phase = 'promoted'){{end}}

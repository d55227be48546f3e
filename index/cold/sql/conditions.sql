{{- /* What several queries have in common. */ -}}

{{- /* The columns of an event, in the order of eventRow. */ -}}
{{- define "event"}}sequence, ordinal, id, revision, source, kind, action, entity, environment, region, cluster, cell,
    actor, actor_is, written_at, effective_at, seen_at, clock, before, after, diff, version, previous_version, commits, reverts,
    summary, approval, validation, links, rollout, rollout_phase, rollout_share,
    dependency, dependency_evidence, dependency_removed, parent, attributes{{end}}

{{- /* Nothing beyond the position the view knows. */ -}}
{{- define "known"}}(sequence, ordinal) <= ({known_sequence:UInt64}, {known_ordinal:UInt32}){{end}}

{{- /* Of a corrected event only the last revision known. Corrections are few,
so this is a small set to look in; events that were never corrected pass by its
first half. */ -}}
{{- define "standing"}}(id NOT IN (SELECT id FROM corrections WHERE {{template "known"}})
    OR (id, revision) IN (SELECT id, max(revision) FROM corrections WHERE {{template "known"}} GROUP BY id)){{end}}

INSERT INTO dependencies (entity, direction, other, evidence, effective_at, sequence, ordinal, removed, id, revision)

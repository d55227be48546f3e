INSERT INTO corrections (id, revision, sequence, ordinal)

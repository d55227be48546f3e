INSERT INTO tellers (entity, source, first_told)

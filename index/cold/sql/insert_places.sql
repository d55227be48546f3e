INSERT INTO places (entity, kind, namespace, name, environment, region, first_told, last_told)

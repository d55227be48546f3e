INSERT INTO entities (entity, kind, namespace, name, first_known)

-- The engine's own default for databases, Atomic, is not named: to name it takes a grant.
CREATE DATABASE IF NOT EXISTS {database:Identifier}

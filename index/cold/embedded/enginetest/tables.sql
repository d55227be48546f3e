-- Views first: a table that a view reads or writes is dropped after it.
SELECT name FROM system.tables WHERE database = currentDatabase() AND NOT startsWith(name, '.inner')
ORDER BY engine NOT LIKE '%View', name

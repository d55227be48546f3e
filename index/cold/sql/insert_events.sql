INSERT INTO events ({{template "event"}})

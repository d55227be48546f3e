-- Ends the query that keeps the port open, and with it the engine, which then
-- gives up its merges and leaves its data folder in order. That query has no
-- user name, since no client sent it.
KILL QUERY WHERE user = '' ASYNC

INSERT INTO deliveries (sequence, batch, received_at, source, type, id, outcome, reason, field, header, body, events)

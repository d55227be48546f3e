-- Every correction, each once.
SELECT DISTINCT id, revision, sequence, ordinal
FROM corrections
WHERE sequence <= {watermark:UInt64}

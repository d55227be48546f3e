-- How what was inserted from now on, and what is merged, is compressed; see
-- docs/adr/014.
--
-- default_compression_codec: projections take no codecs from the columns of
--   their table. In LZ4, the default, by_time was twice as large as the table.
-- min_compress_block_size: a read of a few rows unpacks the block they stand
--   in, of each column; blocks of 64 KiB, the default, are four times as much.
ALTER TABLE {{.Table "events"}} MODIFY SETTING default_compression_codec = 'ZSTD(1)', min_compress_block_size = 16384;

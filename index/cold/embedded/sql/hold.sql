-- Opens the native port and keeps it open: the engine listens for as long as
-- this runs, and ends with it. The last statement sleeps a tenth of a second a row, for ever.
SYSTEM START LISTEN TCP;
SELECT sleepEachRow(0.1) FROM system.numbers FORMAT Null SETTINGS max_block_size = 1

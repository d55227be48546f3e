package embedded_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged/index/cold/embedded"
	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
)

func open(t testing.TB, o *clickhouse.Options) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func exec(t testing.TB, conn driver.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := conn.Exec(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func ask[T any](t testing.TB, conn driver.Conn, query string) T {
	t.Helper()
	var answer T
	if err := conn.QueryRow(context.Background(), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func TestBothUsersAreAnswered(t *testing.T) {
	e := enginetest.Start(t)
	for _, o := range []*clickhouse.Options{e.Writer(), e.Reader()} {
		if got := ask[string](t, open(t, o), "SELECT version()"); got == "" {
			t.Errorf("%s: no version", o.Auth.Username)
		}
	}
}

func TestTestsDoNotSeeEachOther(t *testing.T) {
	one, two := open(t, enginetest.Start(t).Writer()), open(t, enginetest.Start(t).Writer())
	const table = "CREATE TABLE t (n UInt64) ORDER BY n"
	exec(t, one, table)
	exec(t, two, table)
}

func TestWriterMayDoWhatAnIndexNeeds(t *testing.T) {
	e := enginetest.Start(t)
	w := open(t, e.Writer())
	exec(t, w,
		"CREATE TABLE t (n UInt64, s String, PROJECTION by_s (SELECT * ORDER BY s)) ENGINE = MergeTree ORDER BY n",
		"CREATE TABLE sums (s String, c SimpleAggregateFunction(sum, UInt64)) ENGINE = AggregatingMergeTree ORDER BY s",
		"CREATE MATERIALIZED VIEW v TO sums AS SELECT s, count() AS c FROM t GROUP BY s",
		"INSERT INTO t SELECT number, 'x' FROM numbers(10)",
		"ALTER TABLE t ADD COLUMN late UInt8",
		"ALTER TABLE t UPDATE s = 'y' WHERE n = 1 SETTINGS mutations_sync = 1",
		"OPTIMIZE TABLE t FINAL",
		"SELECT count() FROM system.parts WHERE database = currentDatabase()",
		"TRUNCATE TABLE t",
		"DROP TABLE v")
	if got := ask[uint64](t, open(t, e.Reader()), "SELECT sum(c) FROM sums"); got != 10 {
		t.Errorf("the reader sees %d rows counted, want 10", got)
	}
}

// Codes of the engine for what is refused for want of a right.
var refusals = []int32{
	164, // READONLY
	201, // QUOTA_EXCEEDED
	452, // SETTING_CONSTRAINT_VIOLATION
	497, // ACCESS_DENIED
	516, // AUTHENTICATION_FAILED
}

func refused(t *testing.T, conn driver.Conn, statement string) {
	t.Helper()
	var e *clickhouse.Exception
	switch err := conn.Exec(t.Context(), statement); {
	case err == nil:
		t.Errorf("%s was done", statement)
	case !errors.As(err, &e) || !slices.Contains(refusals, e.Code):
		t.Errorf("%s: %v, which is no refusal", statement, err)
	}
}

// stopListen is the one thing that the anonymous user may do.
const stopListen = "SYSTEM STOP LISTEN TCP"

// outside is what neither user may do: reach what is not the index.
var outside = []string{
	"SELECT * FROM file('/etc/passwd', 'LineAsString')",
	"SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
	"SELECT * FROM s3('http://127.0.0.1:1/bucket/k', 'LineAsString')",
	"SELECT * FROM remote('127.0.0.1:1', 'system.one')",
	"INSERT INTO FUNCTION file('x.tsv', 'TSV', 's String') VALUES ('x')",
	"CREATE TABLE f (s String) ENGINE = File(TSV)",
	"CREATE TABLE r (n UInt64) ENGINE = ReplicatedMergeTree('/r', '1') ORDER BY n",
	"CREATE DATABASE other",
	"CREATE USER u",
	"GRANT ALL ON *.* TO reader",
	"KILL QUERY WHERE user = ''",
	stopListen,
	"SYSTEM SHUTDOWN",
}

func TestWriterIsRefused(t *testing.T) {
	w := open(t, enginetest.Start(t).Writer())
	for _, statement := range outside {
		refused(t, w, statement)
	}
}

func TestReaderIsRefused(t *testing.T) {
	e := enginetest.Start(t)
	exec(t, open(t, e.Writer()), "CREATE TABLE t (n UInt64) ORDER BY n", "INSERT INTO t VALUES (1)")
	r := open(t, e.Reader())
	for _, statement := range append([]string{
		"INSERT INTO t VALUES (2)",
		"INSERT INTO t SELECT 2",
		"TRUNCATE TABLE t",
		"DROP TABLE t",
		"ALTER TABLE t DELETE WHERE 1",
		"OPTIMIZE TABLE t",
		"CREATE TABLE u (n UInt64) ORDER BY n",
		"SET readonly = 0",
		"SELECT 1 SETTINGS readonly = 0",
		"SELECT 1 SETTINGS max_execution_time = 3600",
		"SELECT 1 SETTINGS max_execution_time = 0",
		"SELECT * FROM system.users",
		"SELECT * FROM system.grants",
		"SELECT * FROM system.processes",
		"SELECT * FROM system.server_settings",
		"SELECT * FROM system.parts",
		"SELECT * FROM system.disks",
		"SELECT * FROM system.clusters",
		"SELECT * FROM information_schema.tables",
	}, outside...) {
		refused(t, r, statement)
	}
	if got := ask[uint64](t, r, "SELECT count() FROM t"); got != 1 {
		t.Errorf("%d rows, want the 1 of the writer", got)
	}
}

func TestReaderMaySetADeadline(t *testing.T) {
	r := open(t, enginetest.Start(t).Reader())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := r.Exec(ctx, "SELECT 1"); err != nil {
		t.Errorf("with a deadline, which the driver sends as max_execution_time: %v", err)
	}
}

func TestAnonymousUserIsRefused(t *testing.T) {
	o := enginetest.Start(t).Writer()
	o.Auth = clickhouse.Auth{Username: "default"}
	conn := open(t, o)
	for _, statement := range outside {
		if statement != stopListen {
			refused(t, conn, statement)
		}
	}
	refused(t, conn, "SELECT * FROM system.parts")
	refused(t, conn, "CREATE TABLE default.t (n UInt64) ENGINE = Memory")
}

func TestSettingsAreForTheOwnerAlone(t *testing.T) {
	data := t.TempDir()
	own(t, embedded.Config{Data: data})
	for _, name := range []string{"config.xml", "users.xml"} {
		info, err := os.Stat(data + "/settings/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, want 600", name, mode)
		}
	}
}

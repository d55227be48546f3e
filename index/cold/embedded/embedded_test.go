package embedded_test

import (
	"os"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func TestAnswersItsVersion(t *testing.T) {
	e := enginetest.Start(t)
	for _, o := range []*clickhouse.Options{e.Writer(), e.Reader()} {
		conn, err := clickhouse.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var version string
		if err := conn.QueryRow(t.Context(), "SELECT version()").Scan(&version); err != nil {
			t.Fatalf("%s: %v", o.Auth.Username, err)
		}
		t.Log(version, e.PID())
	}
}

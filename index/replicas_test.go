package index

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index/changelog"
)

// cluster starts a JetStream server that several processes can share.
func cluster(t testing.TB) (url string) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true,
		StoreDir: t.TempDir(), MaxPayload: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("server does not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s.ClientURL()
}

func openAt(t testing.TB, url string) *changelog.Log {
	t.Helper()
	l, err := changelog.Open(t.Context(), changelog.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// Processes that share a log and a store answer alike, at once, and what one
// was told the other sees, whichever of them writes.
func TestProcessesOnOneLogAnswerAlike(t *testing.T) {
	url, store := cluster(t), newStore(t)
	b := run(t, Config{Log: openAt(t, url), Cold: store})
	var told string
	for n := range 3 {
		t.Run(fmt.Sprint("another ", n), func(t *testing.T) {
			a := run(t, Config{Log: openAt(t, url), Cold: store})
			for i, teller := range []*running{a, b} {
				id := fmt.Sprintf("%d%d", n, i)
				p := teller.told(event(id+"-old", a.ago(9*time.Hour)), event(id+"-new", a.ago(time.Minute)))
				told += " " + id + "-old " + id + "-new"
				for _, asked := range []*running{b, a} {
					same(t, "found", sorted(asked.found(p, whatchanged.Always, "")), sorted(told))
				}
			}
		})
	}
	b.stored(whatchanged.At(6))
	same(t, "rows", eventRows(t, b), 12)
}

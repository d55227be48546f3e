package changelog

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// serve starts a JetStream server in this process. It listens on no port.
func serve(c Config) (*server.Server, error) {
	if c.Dir == "" {
		return nil, errors.New("neither a folder nor a URL is given")
	}
	s, err := server.NewServer(&server.Options{
		ServerName:         "whatchanged",
		DontListen:         true,
		NoSigs:             true, // signals are the process's own business
		JetStream:          true,
		StoreDir:           filepath.Join(c.Dir, "changelog"),
		SyncAlways:         c.Sync == SyncAlways,
		SyncInterval:       time.Second, // 2 minutes by default
		MaxPayload:         int32(c.MaxPayload),
		JetStreamMaxMemory: 64 << 20,                  // consumers' state only; the stream is on disk
		JetStreamMaxStore:  c.MaxBytes + c.MaxBytes/8, // else it is three quarters of the free disk
	})
	if err != nil {
		return nil, err
	}
	s.SetLoggerV2(serverLog{c.Logger}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		s.Shutdown()
		return nil, fmt.Errorf("embedded JetStream in %s does not start", c.Dir)
	}
	return s, nil
}

// serverLog writes the embedded server's log into ours. Its notices are about
// a server that nobody else can reach, and of interest only when looking
// closely.
type serverLog struct{ to *slog.Logger }

func (l serverLog) Noticef(f string, a ...any) { l.to.Debug(fmt.Sprintf(f, a...), "part", "jetstream") }
func (l serverLog) Debugf(f string, a ...any)  { l.to.Debug(fmt.Sprintf(f, a...), "part", "jetstream") }
func (l serverLog) Tracef(f string, a ...any)  { l.to.Debug(fmt.Sprintf(f, a...), "part", "jetstream") }
func (l serverLog) Warnf(f string, a ...any)   { l.to.Warn(fmt.Sprintf(f, a...), "part", "jetstream") }
func (l serverLog) Errorf(f string, a ...any)  { l.to.Error(fmt.Sprintf(f, a...), "part", "jetstream") }
func (l serverLog) Fatalf(f string, a ...any)  { l.to.Error(fmt.Sprintf(f, a...), "part", "jetstream") }

package embedded

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"text/template"

	"whatchanged.dev/whatchanged"
)

//go:embed settings/*.xml
var settingsFiles embed.FS

var settings = template.Must(template.New("").
	Funcs(template.FuncMap{"xml": escape}).
	ParseFS(settingsFiles, "settings/*.xml"))

// tableEngines are those that the writer may use.
var tableEngines = []string{
	"MergeTree", "AggregatingMergeTree", "CollapsingMergeTree", "CoalescingMergeTree", "ReplacingMergeTree", "SummingMergeTree",
	"Distributed", "Memory", "Null",
}

func escape(s string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}

// settingsPath is where a settings file of this engine lies: below the data
// folder, which one process holds.
func (p *process) settingsPath(name string) string {
	return filepath.Join(p.config.Data, "settings", name)
}

// hold takes the data folder for this process. The engine has a lock of its
// own there, but it comes too late: by then we would have replaced the users of
// an engine that runs.
func (p *process) hold() error {
	path := p.settingsPath("lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("engine settings: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("engine settings: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return p.held()
	}
	p.lock = f
	return nil
}

func (p *process) held() error {
	return whatchanged.Errorf(whatchanged.CodeUnavailable,
		"the engine's data folder %s is held by another process: end that one, or use another data folder", p.config.Data).Hiding(errHeld)
}

// writeSettings writes the engine's settings and users, for the owner's eyes.
func (p *process) writeSettings() error {
	values := struct {
		Users, Writer, Reader, Supervisor, Database string
		Shared                                      bool
		Engines                                     []string
	}{
		p.settingsPath("users.xml"), sum(p.writer), sum(p.reader), sum(p.supervisor),
		p.config.Database, p.config.Shared, tableEngines,
	}
	for _, name := range []string{"config.xml", "users.xml"} {
		var b bytes.Buffer
		if err := settings.ExecuteTemplate(&b, name, values); err != nil {
			return fmt.Errorf("engine settings: %w", err)
		}
		if err := writePrivate(p.settingsPath(name), b.Bytes()); err != nil {
			return fmt.Errorf("engine settings: %w", err)
		}
	}
	return nil
}

func sum(password string) string {
	s := sha256.Sum256([]byte(password))
	return hex.EncodeToString(s[:])
}

// writePrivate replaces a file whole, readable by its owner alone.
func writePrivate(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // made with 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

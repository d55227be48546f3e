package cold

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"text/template"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"whatchanged.dev/whatchanged"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// A migration is one numbered file under sql, rendered for a layout.
type migration struct {
	number   uint32
	name     string
	text     string
	checksum string
}

// Migrate brings the schema of the database that opts name up to date,
// creating the database if it is not there. Migrations are applied in order
// and once. It refuses a database on which an applied migration had another
// text, or another layout, than now. A migration that fails half way is
// repeated whole by the next call; two calls at once do no harm, because every
// statement may be run twice.
func Migrate(ctx context.Context, opts *clickhouse.Options, layout Layout) error {
	if err := createDatabase(ctx, opts, layout); err != nil {
		return err
	}
	conn, err := dial(ctx, opts)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := checkLayout(ctx, conn, layout); err != nil {
		return err
	}
	all, err := migrations(layout)
	if err != nil {
		return err
	}
	return migrate(ctx, conn, layout, all)
}

func migrate(ctx context.Context, conn driver.Conn, layout Layout, all []migration) error {
	record, err := render("migrations.sql", layout)
	if err != nil {
		return err
	}
	if err := conn.Exec(ctx, record); err != nil {
		return outside("migrations", err)
	}
	applied, err := appliedMigrations(ctx, conn)
	if err != nil {
		return err
	}
	for _, m := range all {
		switch sum, ok := applied[m.number]; {
		case !ok:
			if err := m.apply(ctx, conn); err != nil {
				return err
			}
		case sum != m.checksum:
			return fmt.Errorf("migration %s was applied with another text or layout; a change needs a migration of its own", m.name)
		}
	}
	return nil
}

func (m migration) apply(ctx context.Context, conn driver.Conn) error {
	for _, statement := range statements(m.text) {
		if err := conn.Exec(ctx, statement); err != nil {
			return outside("migration "+m.name, err)
		}
	}
	err := conn.Exec(ctx, "INSERT INTO migrations SELECT {number:UInt32}, {name:String}, {checksum:String}, now64(6)",
		clickhouse.Named("number", m.number), clickhouse.Named("name", m.name), clickhouse.Named("checksum", m.checksum))
	return outside("migration "+m.name, err)
}

func appliedMigrations(ctx context.Context, conn driver.Conn) (map[uint32]string, error) {
	rows, err := conn.Query(ctx, "SELECT DISTINCT number, checksum FROM migrations ORDER BY number")
	if err != nil {
		return nil, outside("migrations", err)
	}
	defer rows.Close()
	applied := map[uint32]string{}
	for rows.Next() {
		var number uint32
		var checksum string
		if err := rows.Scan(&number, &checksum); err != nil {
			return nil, err
		}
		applied[number] = checksum
	}
	return applied, outside("migrations", rows.Err())
}

// createDatabase creates the database if it is missing; where it exists, the
// user need not be allowed to create one. It asks from outside: the embedded
// engine dies of a connection to a database that is not there.
func createDatabase(ctx context.Context, opts *clickhouse.Options, layout Layout) error {
	outer := *opts
	outer.Auth.Database = ""
	conn, err := dial(ctx, &outer)
	if err != nil {
		return err
	}
	defer conn.Close()
	name := "`" + strings.ReplaceAll(opts.Auth.Database, "`", "``") + "`"
	var exists uint8
	if err := conn.QueryRow(ctx, "EXISTS DATABASE "+name).Scan(&exists); err != nil {
		return outside("create database", err)
	}
	if exists == 1 {
		return nil
	}
	return outside("create database", conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+name+layout.OnCluster()))
}

// checkLayout refuses replicated tables on a server without Keeper. The
// embedded engine would create them and then silently keep nothing.
func checkLayout(ctx context.Context, conn driver.Conn, layout Layout) error {
	if layout.Cluster == "" {
		return nil
	}
	var n uint64
	row := conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = 'system' AND name = 'zookeeper'")
	if err := row.Scan(&n); err != nil {
		return outside("layout", err)
	}
	if n == 0 {
		return whatchanged.Errorf(whatchanged.CodeInvalidArgument,
			"cluster %q: this ClickHouse server has no Keeper, so replicated tables would keep nothing; leave the cluster out", layout.Cluster).In("cluster")
	}
	return nil
}

// migrations returns the numbered files in order, rendered for a layout.
func migrations(layout Layout) ([]migration, error) {
	names, err := fs.Glob(sqlFiles, "sql/[0-9]*_*.sql")
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, file := range names {
		name := path.Base(file)
		digits, _, _ := strings.Cut(name, "_")
		number, err := strconv.ParseUint(digits, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		text, err := render(name, layout)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(strings.Join(statements(text), ";\n")))
		all = append(all, migration{uint32(number), name, text, hex.EncodeToString(sum[:])})
	}
	return all, nil
}

func render(name string, layout Layout) (string, error) {
	t, err := template.ParseFS(sqlFiles, "sql/"+name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, layout)
	return b.String(), err
}

// statements cuts a migration at its semicolons and leaves comments out, so
// that rewording a reason is not a change to the schema. No string in a
// migration may hold a semicolon or two dashes.
func statements(text string) []string {
	var code strings.Builder
	for line := range strings.Lines(text) {
		before, _, _ := strings.Cut(line, "--")
		if before = strings.TrimRight(before, " \n"); before != "" {
			code.WriteString(before + "\n")
		}
	}
	var out []string
	for s := range strings.SplitSeq(code.String(), ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

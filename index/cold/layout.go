package cold

import (
	"fmt"
	"strings"
)

// A Layout says how the tables lie on servers. The zero Layout is one server.
// With a Cluster, which names one of the server's remote_servers, every table
// is replicated on each node and sharded under a Distributed table; the nodes
// then need Keeper and the macros {shard} and {replica}. The cluster layout is
// rendered and reviewed in golden files, and has not been run.
type Layout struct {
	Cluster string
}

// OnCluster returns the clause that makes every node run a statement.
func (l Layout) OnCluster() string {
	if l.Cluster == "" {
		return ""
	}
	return " ON CLUSTER " + quote(l.Cluster)
}

// Table returns the name under which a node creates its own part of a table.
func (l Layout) Table(name string) string {
	if l.Cluster == "" {
		return name
	}
	return name + "_local" + l.OnCluster()
}

// Engine returns a table engine of the MergeTree family, replicated within a
// shard.
func (l Layout) Engine(name string) string {
	return l.engine(name, "/clickhouse/tables/{shard}/{database}/{table}")
}

// EverywhereEngine returns an engine whose rows all nodes of all shards hold.
func (l Layout) EverywhereEngine(name string) string {
	return l.engine(name, "/clickhouse/tables/all/{database}/{table}")
}

func (l Layout) engine(name, path string) string {
	if l.Cluster == "" {
		return name
	}
	replica := "{replica}"
	if strings.Contains(path, "/all/") {
		replica = "{shard}-{replica}"
	}
	return fmt.Sprintf("Replicated%s('%s', '%s')", name, path, replica)
}

// DeduplicationWindow returns the setting that bounds how many inserts are
// remembered by their token.
func (l Layout) DeduplicationWindow() string {
	if l.Cluster == "" {
		return "non_replicated_deduplication_window"
	}
	return "replicated_deduplication_window"
}

// Distributed returns the statement that joins the nodes' parts of a table
// under its plain name, sharded by key; one server needs none.
func (l Layout) Distributed(name, key string) string {
	if l.Cluster == "" {
		return ""
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %[1]s%[2]s AS %[1]s_local\nENGINE = Distributed(%[3]s, currentDatabase(), %[1]s_local, %[4]s);",
		name, l.OnCluster(), quote(l.Cluster), key)
}

// quote spells s as an SQL string.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/auth"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/instance"
	"whatchanged.dev/whatchanged/cmd/whatchanged/internal/telemetry"
	"whatchanged.dev/whatchanged/graph"
	"whatchanged.dev/whatchanged/ingest"
)

// options are the settings of a running instance. Every one is a flag, an
// environment variable and a key of the settings file.
type options struct {
	data, clickhouse, cluster, engine, nats, logSync string
	logMaxBytes                                      int64
	keep                                             time.Duration
	secrets, tokens                                  map[string]string
	origins                                          []string
	issuer                                           auth.IssuerConfig
	operations                                       string
	unsigned                                         bool
	logLevel                                         string
	logJSON                                          bool
}

// instanceFlags declares the flags with which an instance is opened.
func (o *options) instanceFlags(f *pflag.FlagSet) {
	dataFlag(f, &o.data)
	f.StringVar(&o.clickhouse, "clickhouse", "", "ClickHouse server or cluster, clickhouse://user:password@host:9000/database; default: an embedded one")
	f.StringVar(&o.cluster, "clickhouse-cluster", "", "name of the cluster behind --clickhouse, to make sharded and replicated tables")
	f.StringVar(&o.engine, "engine", "", "path of libchdb.so for the embedded ClickHouse; default: fetched once with npm and kept in the cache folder")
	f.StringVar(&o.nats, "nats", "", "NATS cluster with JetStream, nats://host:4222; default: an embedded one")
	f.StringVar(&o.logSync, "log-sync", "always", "when the embedded change log is flushed to disk: always (a 202 survives a power loss) or interval (it survives the death of the process)")
	f.Int64Var(&o.logMaxBytes, "log-max-bytes", 8<<30, "the change log refuses deliveries beyond this size")
	f.DurationVar(&o.keep, "hot", 48*time.Hour, "how far back change events are kept in memory")
	f.StringToStringVar(&o.secrets, "webhook-secret", nil, "secret with which a source signs, as github=SECRET; may be repeated")
	f.BoolVar(&o.unsigned, "allow-unsigned", false, "take webhooks of sources that sign although no secret is set (loopback only)")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&o.logJSON, "log-json", false, "write the log as JSON")
}

// serverFlags declares the flags of an HTTP surface.
func (o *options) serverFlags(f *pflag.FlagSet) {
	f.StringToStringVar(&o.tokens, "auth-token", nil, "bearer token that may ask and send, as NAME=TOKEN; may be repeated; this or --oidc-issuer is needed to listen beyond loopback")
	f.StringVar(&o.operations, "graphql-operations", "", "file with the only GraphQL operations that are answered: a document of them, or a JSON object of documents by their hash; default: any")
	f.StringSliceVar(&o.origins, "origin", nil, "origin of a web page that may ask, as https://portal.example; may be repeated")
}

// issuerFlags declares the flags with which tokens made elsewhere are taken.
func (o *options) issuerFlags(f *pflag.FlagSet) {
	f.StringVar(&o.issuer.URL, "oidc-issuer", "", "OpenID Connect issuer, as https://login.example, whose tokens may ask; wants --public-url")
	f.StringVar(&o.issuer.Public, "public-url", "", "address under which clients reach this server, as https://whatchanged.example")
	f.StringSliceVar(&o.issuer.Audiences, "oidc-audience", nil, "whom a token of the issuer must be for; may be repeated, any will do; default: the public URL, or it with /mcp")
	f.StringSliceVar(&o.issuer.Scopes, "oidc-scope", nil, "scope that a token of the issuer must have to ask, as prod:read; may be repeated, all are needed; default: none")
	f.StringVar(&o.issuer.Send, "oidc-send-scope", "", "scope that a token of the issuer must have to send events; default: none may")
	f.StringVar(&o.issuer.Groups, "oidc-groups-claim", "groups", "claim of a token that lists the groups of who asks")
}

// clientFlags declares the flags of a command that asks a server.
func clientFlags(f *pflag.FlagSet, server, token *string) {
	f.StringVar(server, "server", "", "server to talk to, as http://127.0.0.1:8080; default: the owner of the data folder, or nobody")
	f.StringVar(token, "token", "", "bearer token for the server")
}

func dataFlag(f *pflag.FlagSet, data *string) {
	f.StringVar(data, "data", defaultData(), "data folder; it has one owner at a time")
}

// defaultData is the folder for data of the user's programs (XDG Base
// Directory Specification).
func defaultData() string {
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ".whatchanged"
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "whatchanged")
}

// telemetry sets up what the parts report to.
func (o *options) telemetry(ctx context.Context, cmd *cobra.Command) (*telemetry.Telemetry, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want debug, info, warn or error", o.logLevel).In("log-level")
	}
	return telemetry.Open(ctx, telemetry.Config{Version: version(), Logs: cmd.ErrOrStderr(), Level: level, JSON: o.logJSON})
}

// open opens the instance that the flags describe.
func (o *options) open(ctx context.Context, cmd *cobra.Command, t *telemetry.Telemetry) (*instance.Instance, error) {
	if o.logSync != "always" && o.logSync != "interval" {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want always or interval", o.logSync).In("log-sync")
	}
	secrets := map[string][]byte{}
	for source, secret := range o.secrets {
		if _, ok := ingest.Lookup(source); !ok {
			return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q is no source; see whatchanged source list", source).In("webhook-secret")
		}
		secrets[source] = []byte(secret)
	}
	return instance.Open(ctx, instance.Config{
		Data: o.data, ClickHouse: o.clickhouse, Cluster: o.cluster, Engine: o.engine, NATS: o.nats, LogSync: o.logSync,
		LogMaxBytes: o.logMaxBytes, Keep: o.keep, Secrets: secrets, Unsigned: o.unsigned, Telemetry: t, Progress: cmd.ErrOrStderr(),
	})
}

// allowed reads the GraphQL operations that may be asked, nil for any.
func (o *options) allowed() (*graph.Operations, error) {
	if o.operations == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.operations)
	if err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%v", err).In("graphql-operations")
	}
	all, err := graph.ParseOperations(text)
	if err != nil {
		return nil, whatchanged.AsError(err).In("graphql-operations")
	}
	return all, nil
}

// auth says who may ask.
func (o *options) auth() (c auth.Config, err error) {
	c = auth.Config{Tokens: o.tokens, Origins: o.origins}
	if o.issuer.Public != "" {
		c.Origins = append(c.Origins, strings.TrimSuffix(o.issuer.Public, "/"))
	}
	if o.issuer.URL != "" {
		c.Issuer, err = auth.NewIssuer(o.issuer)
	} else if len(o.issuer.Audiences)+len(o.issuer.Scopes)+len(o.issuer.Send) > 0 {
		err = whatchanged.Errorf(whatchanged.CodeInvalidArgument, "--oidc-audience, --oidc-scope and --oidc-send-scope are about the tokens of an issuer: want --oidc-issuer URL").In("oidc-issuer")
	}
	return c, err
}

func collect(cmd *cobra.Command, names *[]string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { *names = append(*names, f.Name) })
	for _, sub := range cmd.Commands() {
		collect(sub, names)
	}
}

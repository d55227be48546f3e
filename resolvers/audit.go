package resolvers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"whatchanged.dev/whatchanged"
)

// How much of what comes from outside stands in an audit line, in bytes.
const (
	maxAsked = 300
	maxAgent = 100
)

// Given is what somebody was given who asked.
type given struct {
	ids    []string
	tokens int // of text, for an assistant; 0 for others
}

// audit writes the one line for a question: who asked through which program,
// what, which ids they were given in how many tokens, as part of which trace,
// and what came of it. The arguments are text from outside, in which somebody
// may have pasted a secret: they are cleaned and cut, and a digest of the cleaned
// text tells equal questions apart.
func (r *Resolver) audit(ctx context.Context, question string, in any, v Viewer, g given, took time.Duration, err error) {
	level := slog.LevelInfo
	if whatchanged.CodeOf(err) == whatchanged.CodeInternal {
		level = slog.LevelError
	}
	if !r.log.Enabled(ctx, level) {
		return
	}
	asked := r.clean(whatchanged.ValueOf(in).String())
	digest := sha256.Sum256([]byte(asked))
	attrs := []slog.Attr{slog.String("question", question), slog.String("input", cut(asked, maxAsked)),
		slog.String("digest", hex.EncodeToString(digest[:8])), slog.String("who", v.Who), slog.String("agent", cut(v.Agent, maxAgent)),
		slog.Any("ids", g.ids), slog.String("code", string(whatchanged.CodeOf(err))), slog.Duration("took", took), slog.String("cause", cut(r.clean(cause(err)), maxAsked))}
	if g.tokens > 0 {
		attrs = append(attrs, slog.Int("tokens", g.tokens))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		attrs = append(attrs, slog.String("trace", span.TraceID().String()))
	}
	r.log.LogAttrs(ctx, level, "asked", attrs...)
}

// cause is what the log may know of err and the caller may not.
func cause(err error) string {
	if err == nil {
		return ""
	}
	if e := whatchanged.AsError(err); e.Unwrap() != nil {
		return e.Unwrap().Error()
	}
	return err.Error()
}

// cut returns at most so many bytes of s, whole characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

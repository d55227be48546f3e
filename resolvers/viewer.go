package resolvers

import (
	"context"
	"slices"
	"strings"
	"time"

	"whatchanged.dev/whatchanged"
)

// A Viewer is who asks. Each surface sets it in the context with
// [WithViewer]; it is the only meaning a context carries, because the code
// that is generated from the schema leaves no other way.
type Viewer struct {
	Who    string   // the person or bot; "local" on loopback without login
	Agent  string   // the program asking on their behalf, as it names itself
	Groups []string // what they belong to

	Until time.Time // when what they proved themselves with ends; zero: it does not
}

type viewerKey struct{}

// WithViewer returns a context in which v asks.
func WithViewer(ctx context.Context, v Viewer) context.Context {
	return context.WithValue(ctx, viewerKey{}, v)
}

// WithAgent returns a context in which the same viewer asks, through a program
// that has named itself in the request.
func WithAgent(ctx context.Context, agent string) context.Context {
	v, err := viewerOf(ctx)
	if err != nil {
		return ctx
	}
	v.Agent = agent
	return WithViewer(ctx, v)
}

// viewerOf is the one place where the viewer is read. Without one there is no
// answer.
func viewerOf(ctx context.Context) (Viewer, error) {
	v, ok := ctx.Value(viewerKey{}).(Viewer)
	if !ok || v.Who == "" {
		return Viewer{}, whatchanged.Errorf(whatchanged.CodeUnauthenticated, "nobody is asking: want a bearer token")
	}
	return v, nil
}

// still refuses a viewer whose proof has ended, as one may on a connection that
// stays open.
func (v Viewer) still(now time.Time) error {
	if v.Until.IsZero() || now.Before(v.Until) {
		return nil
	}
	return whatchanged.Errorf(whatchanged.CodeUnauthenticated, "what you proved yourself with has ended at %s", v.Until.UTC().Format(time.RFC3339))
}

// visibility says what v may see, as a key: viewers with equal visibility may
// be given each other's answers.
func (v Viewer) visibility() string {
	groups := slices.Clone(v.Groups)
	slices.Sort(groups)
	return strings.Join(slices.Compact(groups), "\x00")
}

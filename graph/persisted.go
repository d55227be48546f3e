package graph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Automatic persisted queries: a client sends the SHA-256 of an operation, and
// the operation itself only when it is told that nobody knows it yet. It may do
// so by GET, which can be cached on the way.

// notPersisted is the code by which clients know that.
const notPersisted = "PERSISTED_QUERY_NOT_FOUND"

// longestKept bounds the operations that are kept, in bytes: with their number
// it bounds what strangers can make the process hold.
const longestKept = 32 << 10

// short keeps what has a short key, or is short itself.
type short[T any] struct{ graphql.Cache[T] }

// Add implements [graphql.Cache].
func (c short[T]) Add(ctx context.Context, key string, v T) {
	text, _ := any(v).(string)
	if len(key) <= longestKept && len(text) <= longestKept {
		c.Cache.Add(ctx, key, v)
	}
}

// A persisted keeps operations under their hash.
type persisted struct {
	extension.AutomaticPersistedQuery
}

// newPersisted knows those that are allowed from the start, and no others; if
// anything is allowed, what was sent.
func newPersisted(allowed *Operations) persisted {
	if allowed != nil {
		return persisted{extension.AutomaticPersistedQuery{Cache: allowed}}
	}
	return persisted{extension.AutomaticPersistedQuery{Cache: short[string]{lru.New[string](cachedQueries)}}}
}

// MutateOperationParameters implements [graphql.OperationParameterMutator]. What
// cannot be right gets a code, so that it is no answer on any transport.
func (p persisted) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	err := p.AutomaticPersistedQuery.MutateOperationParameters(ctx, params)
	if err != nil && err.Extensions["code"] == nil {
		return refusal(invalid("%s", err.Message), nil)
	}
	return err
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

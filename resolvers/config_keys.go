package resolvers

import (
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// keys turns what the asker called keys into what to read: references, bare
// names that only one has, and prefixes that end in "*".
func (a *asking) keys(names []string) (s whatchanged.StateSelection, err error) {
	if len(names) == 0 {
		return s, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "no key: want kind:namespace/name, such as flag:shop/new-cart, a name, or a prefix such as config:shop/*").In("key")
	}
	if len(names) > maxScope {
		return s, whatchanged.Errorf(whatchanged.CodeTooLarge, "%d keys: want at most %d, or a prefix such as config:shop/*", len(names), maxScope).In("key")
	}
	for _, name := range names {
		name = strings.TrimSpace(name)
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			if prefix, err = a.prefix(prefix); err != nil {
				return s, err
			}
			s.Prefixes = append(s.Prefixes, prefix)
			continue
		}
		ref, err := a.entityOf(name, func(k whatchanged.Kind) bool { return read[k] })
		if err != nil {
			return s, whatchanged.AsError(err).In("key")
		}
		if !slices.Contains(s.Entities, ref) {
			s.Entities = append(s.Entities, ref)
		}
	}
	return s, nil
}

// prefix checks the text that references are to begin with.
func (a *asking) prefix(text string) (string, error) {
	prefix := strings.ToLower(text)
	if kind, _, ok := strings.Cut(prefix, ":"); !ok || kind == "" {
		return "", whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want the beginning of a reference from its kind on, such as config:shop/*", text+"*").In("key")
	}
	found, err := a.index.Entities(a.ctx, a.view, whatchanged.EntitySelection{Text: prefix, Limit: maxNamed})
	if err != nil || slices.ContainsFunc(found, func(r whatchanged.EntityRecord) bool { return strings.HasPrefix(r.Ref.String(), prefix) }) {
		return prefix, err
	}
	_, like, _ := strings.Cut(prefix, ":")
	return "", whatchanged.AsError(a.notFound(text+"*", strings.Trim(like, "/"))).In("key")
}

package whatchanged

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
)

// A Kind is the class of an entity. The set is open; these are the kinds that
// the product itself speaks of.
type Kind string

// The kinds of entities that have a meaning of their own here.
const (
	KindService     Kind = "service"
	KindFlag        Kind = "flag"
	KindExperiment  Kind = "experiment"
	KindModel       Kind = "model"
	KindConfig      Kind = "config"
	KindRepository  Kind = "repository"
	KindEnvironment Kind = "environment"
	KindIncident    Kind = "incident"
	KindVerdict     Kind = "verdict"
	KindArtifact    Kind = "artifact"
	KindResource    Kind = "resource"
	KindGroup       Kind = "group"
)

// DefaultNamespace is the namespace of a reference that names none, as in
// Backstage.
const DefaultNamespace = "default"

// maxRef bounds the text of a reference, in bytes.
const maxRef = 512

// A Ref names one entity of production. Its text form is the one Backstage
// uses, kind:namespace/name, as in "service:acme/checkout". A Ref in canonical
// form is lower case, because Backstage compares references without case; the
// name may hold further slashes, as a path does.
type Ref struct {
	Kind      Kind
	Namespace string
	Name      string
}

// ParseRef parses the text form of a reference and returns it in canonical
// form. The namespace may be left out and is then "default". The error is
// [ErrInvalid].
func ParseRef(s string) (Ref, error) {
	kind, rest, ok := strings.Cut(s, ":")
	if !ok || len(s) > maxRef {
		return Ref{}, errRef(s)
	}
	ns, name, ok := strings.Cut(rest, "/")
	if !ok {
		ns, name = DefaultNamespace, rest
	}
	r := Ref{Kind: Kind(kind), Namespace: ns, Name: name}.Canonical()
	if !r.Valid() {
		return Ref{}, errRef(s)
	}
	return r, nil
}

func errRef(s string) error {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return Errorf(CodeInvalidArgument, "entity %q: want kind:namespace/name, such as service:acme/checkout", s)
}

// RefOf names the entity of the given kind that a source calls id. An id of
// the form a/b names namespace and name; any other is a name in the default
// namespace. What may not stand in a reference becomes "-".
func RefOf(kind Kind, id string) Ref {
	id = strings.Trim(strings.Map(refRune, strings.TrimSpace(id)), "/")
	ns, name, ok := strings.Cut(id, "/")
	if !ok || ns == "" || name == "" || strings.Contains(name, "/") {
		ns, name = DefaultNamespace, id
	}
	r := Ref{Kind: kind, Namespace: ns, Name: name}.Canonical()
	if n := maxRef - len(r.Kind) - len(r.Namespace) - 2; len(r.Name) > n && n > 0 {
		r.Name = strings.ToValidUTF8(r.Name[:n], "")
	}
	return r
}

func refRune(r rune) rune {
	if r == unicode.ReplacementChar || !refChar(r) {
		return '-'
	}
	return r
}

func refChar(r rune) bool { return unicode.IsPrint(r) && !unicode.IsSpace(r) }

// Canonical returns r with its case folded, the form in which references are
// stored and compared.
func (r Ref) Canonical() Ref {
	return Ref{Kind(strings.ToLower(string(r.Kind))), strings.ToLower(r.Namespace), strings.ToLower(r.Name)}
}

// Valid reports whether r names something: all three parts are there, hold
// no space or control character, and neither kind nor namespace holds a
// separator.
func (r Ref) Valid() bool {
	bad := func(s string) bool {
		return s == "" || strings.ContainsFunc(s, func(c rune) bool { return !refChar(c) })
	}
	return !bad(string(r.Kind)) && !bad(r.Namespace) && !bad(r.Name) &&
		!strings.ContainsAny(string(r.Kind), ":/") && !strings.ContainsAny(r.Namespace, "/") &&
		len(r.Kind)+len(r.Namespace)+len(r.Name)+2 <= maxRef
}

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// String returns the text form kind:namespace/name, or "" for the zero Ref.
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	return string(r.Kind) + ":" + r.Namespace + "/" + r.Name
}

// Compare orders references by kind, namespace and name.
func (r Ref) Compare(s Ref) int {
	return cmp.Or(cmp.Compare(r.Kind, s.Kind), cmp.Compare(r.Namespace, s.Namespace), cmp.Compare(r.Name, s.Name))
}

// MarshalText and UnmarshalText give a Ref one spelling in JSON, in GraphQL,
// on the command line and in logs.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. Empty text is the zero
// Ref.
func (r *Ref) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*r = Ref{}
		return nil
	}
	*r, err = ParseRef(string(b))
	return err
}

var _ fmt.Stringer = Ref{}

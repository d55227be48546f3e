package ingest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"whatchanged.dev/whatchanged"
)

// CatalogConfig says which catalog to read.
type CatalogConfig struct {
	Path string // a file, a folder to look for files in, or, for its history, a repository

	// Files is a pattern of [path.Match] for the base names of the files that
	// are looked for in a folder or a history; "" is the format's own.
	Files string

	// EffectiveAt is since when what the files declare has held. Files have no
	// times; zero is the moment of arrival. A history has its own.
	EffectiveAt time.Time

	// Stored says what the entities were declared as before. Without it,
	// reading files cannot tell what they no longer say: a dependency that was
	// taken out of a file holds on. Reading a history sees it.
	Stored Stored

	Ref      string                // of a history: the branch; "" is HEAD
	Progress func(done, total int) // called after each file or landing; may be nil
}

// A Catalog is what was read of one.
type Catalog struct {
	Files    int
	Entities int                 // declared in the end
	Notes    []Note              // what was passed over or refused
	Circles  [][]whatchanged.Ref // see [Circles]
}

// A Note says what became of a part of a catalog that is in no event.
type Note struct {
	At      string // file:line
	Text    string
	Refused bool // it says something impossible; else it is only none of what is read

	file string // of a history
}

// String returns the note as a line for a person.
func (n Note) String() string { return n.At + ": " + n.Text }

// A catalogFormat is one way to write a catalog.
type catalogFormat struct {
	source string
	files  string // pattern of base names
	parse  func(file string, content []byte) parsed
}

// parsed is what one file says.
type parsed struct {
	declarations []declaration
	notes        []Note
	targets      []target // further files it leads to
	broken       bool     // the file could not be read to its end: what is not declared may still be
}

func (p *parsed) note(at, format string, args ...any) {
	p.notes = append(p.notes, Note{At: at, Text: plain(fmt.Sprintf(format, args...), maxSummary)})
}

func (p *parsed) refuse(at, format string, args ...any) {
	p.note(at, format, args...)
	p.notes[len(p.notes)-1].Refused = true
}

// A declaration is what a catalog says of one entity.
type declaration struct {
	ref        string // what the catalog calls it
	entity     whatchanged.Ref
	said       map[string]any // the declaration in canonical form; entities by our references
	summary    string
	attributes map[string]string
	links      []whatchanged.Link
	at         string // file:line
}

func (d *declaration) value() whatchanged.Value { return whatchanged.ValueOf(d.said) }

func (d *declaration) hash() string { return shortHash(d.value()) }

func shortHash(b []byte) string {
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%x", sum[:16])
}

func (d *declaration) owner() string {
	owner, _ := d.said["owner"].(string)
	return owner
}

// edges returns the dependencies that a declaration tells of, in order. An
// API stands between those who call it and whoever provides it: a consumer
// depends on the API, and the API on its provider, so that a walk from either
// reaches the other. A component depends on what is a part of it.
func (d *declaration) edges() []whatchanged.Arc {
	var all []whatchanged.Arc
	for _, field := range []struct {
		name string
		back bool // the one that is named depends on the one that names it
	}{{"dependsOn", false}, {"consumesApis", false}, {"repository", false}, {"dependencyOf", true}, {"providesApis", true}, {"apiConsumedBy", true}, {"subcomponentOf", true}} {
		for _, ref := range refsIn(d.said[field.name]) {
			e := whatchanged.Arc{From: d.entity, To: ref}
			if field.back {
				e = whatchanged.Arc{From: ref, To: d.entity}
			}
			all = append(all, e)
		}
	}
	slices.SortFunc(all, whatchanged.Arc.Compare)
	return slices.Compact(all)
}

// refsIn reads the references in a field, written by us or read back from an
// event.
func refsIn(v any) []whatchanged.Ref {
	var texts []string
	switch v := v.(type) {
	case string:
		texts = []string{v}
	case []string:
		texts = v
	case []any:
		for _, s := range v {
			if s, ok := s.(string); ok {
				texts = append(texts, s)
			}
		}
	}
	var refs []whatchanged.Ref
	for _, s := range texts {
		if ref, err := whatchanged.ParseRef(s); err == nil {
			refs = append(refs, ref)
		}
	}
	return refs
}

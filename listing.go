package whatchanged

import "time"

// An EntityList asks for entities in an order, with what is counted of them.
// Of each field that is not empty, one of its values must be the entity's.
type EntityList struct {
	EntitySelection
	Namespaces   []string
	Owners       []Ref    // as of the view
	Environments []string // any event, in effect or not, placed it there; case ignored
	Regions      []string // in the same way
	Recent       bool     // that of which a change was learned last comes first; else by reference
	Offset       int      // how many to pass over
	Facets       bool     // count what the entities of the list have
}

// A Listing is what an EntityList found.
type Listing struct {
	Entities []ListedEntity
	Total    int // without Offset and Limit
	Facets   Facets
}

// A ListedEntity is an entity as lists show it.
type ListedEntity struct {
	EntityRecord
	Owner *Owner // as of the view; nil when nobody is said to own it
}

// An Owner says who owns an entity, since when and as which event says.
type Owner struct {
	Ref   Ref       `json:"owner"`
	Since time.Time `json:"since"`
	ID    string    `json:"id"`
}

// Facets count the entities of a list by what they have, each value once for
// an entity; most frequent first, and by value among equals.
type Facets struct {
	Kinds        []FacetCount
	Namespaces   []FacetCount
	Owners       []FacetCount
	Environments []FacetCount
	Regions      []FacetCount
}

// A FacetCount is how many entities have a value.
type FacetCount struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// OwnerOf reads what an event of kind ownership leaves behind: a reference, or
// an object that names one as owner. The zero Ref is nobody.
func OwnerOf(after Value) Ref {
	said := after.Decode()
	if m, ok := said.(map[string]any); ok {
		said = m["owner"]
	}
	text, _ := said.(string)
	ref, err := ParseRef(text)
	if err != nil {
		return Ref{}
	}
	return ref
}

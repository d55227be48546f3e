package hot

import (
	"strings"
	"sync"

	"whatchanged.dev/whatchanged"
)

// names numbers the references of a tier in the order in which it met them.
// Numbers only ever grow, so all snapshots of a tier share one: a number that
// a snapshot's own list of references does not reach names nothing in it.
type names struct {
	mu      sync.RWMutex
	numbers map[whatchanged.Ref]uint32
	refs    []whatchanged.Ref
	kinds   map[whatchanged.Kind][]uint32 // the numbers of each kind, ascending
}

func newNames() *names {
	return &names{numbers: map[whatchanged.Ref]uint32{}, kinds: map[whatchanged.Kind][]uint32{}}
}

// number returns the number of ref, and gives it one if it has none.
func (n *names) number(ref whatchanged.Ref) uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i, ok := n.numbers[ref]; ok {
		return i
	}
	i := uint32(len(n.refs))
	n.numbers[ref] = i
	n.refs = append(n.refs, ref)
	n.kinds[ref.Kind] = append(n.kinds[ref.Kind], i)
	return i
}

// known returns the numbers of those of refs that have one.
func (n *names) known(refs []whatchanged.Ref) []uint32 {
	n.mu.RLock()
	defer n.mu.RUnlock()
	out := make([]uint32, 0, len(refs))
	for _, ref := range refs {
		if i, ok := n.numbers[ref]; ok {
			out = append(out, i)
		}
	}
	return out
}

// beginning returns the numbers of the references that begin with a text. Where
// that holds a whole kind, only those of the kind are looked through.
func (n *names) beginning(prefix string) (out []uint32) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if kind, _, whole := strings.Cut(prefix, ":"); whole {
		for _, i := range n.kinds[whatchanged.Kind(kind)] {
			if strings.HasPrefix(n.refs[i].String(), prefix) {
				out = append(out, i)
			}
		}
		return out
	}
	for i, ref := range n.refs {
		if strings.HasPrefix(ref.String(), prefix) {
			out = append(out, uint32(i))
		}
	}
	return out
}

// all returns the references so far, by number.
func (n *names) all() []whatchanged.Ref {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.refs
}

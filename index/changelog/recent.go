package changelog

import (
	"sync"

	"whatchanged.dev/whatchanged"
)

// maxRecent bounds the deliveries that are remembered, in bytes as unpacked:
// stored, a large one of little variety can take a thousandth of that.
const maxRecent = 16 << 20

// recent remembers the deliveries that were read last. The writer and the hot
// tier of a process read the same messages at about the same time; unpacking
// them is most of the work, and is done once. What is handed out is shared:
// nobody may alter it.
type recent struct {
	mu    sync.Mutex
	read  map[uint64]*unpacked
	queue []*unpacked // in the order in which they were unpacked
	bytes int
}

type unpacked struct {
	sequence uint64
	size     int
	once     sync.Once
	delivery whatchanged.Delivery
}

// delivery returns what unpack made of message sequence, and calls it if
// nobody has yet; unpack also says how many bytes that came to.
func (r *recent) delivery(sequence uint64, unpack func() (whatchanged.Delivery, int)) whatchanged.Delivery {
	u := r.entry(sequence)
	u.once.Do(func() {
		u.delivery, u.size = unpack()
		r.keep(u)
	})
	return u.delivery
}

func (r *recent) entry(sequence uint64) *unpacked {
	r.mu.Lock()
	defer r.mu.Unlock()
	if u, ok := r.read[sequence]; ok {
		return u
	}
	if r.read == nil {
		r.read = map[uint64]*unpacked{}
	}
	u := &unpacked{sequence: sequence}
	r.read[sequence] = u
	return u
}

// keep makes room for what was unpacked.
func (r *recent) keep(u *unpacked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue, r.bytes = append(r.queue, u), r.bytes+u.size
	for r.bytes > maxRecent {
		delete(r.read, r.queue[0].sequence)
		r.bytes -= r.queue[0].size
		r.queue = r.queue[1:]
	}
}

package changelog

import (
	"sync"

	"whatchanged.dev/whatchanged"
)

// maxRecent bounds the deliveries that are remembered, in bytes as stored.
const maxRecent = 4 << 20

// recent remembers the deliveries that were read last. The writer and the hot
// tier of a process read the same messages at about the same time; unpacking
// them is most of the work, and is done once. What is handed out is shared:
// nobody may alter it.
type recent struct {
	mu    sync.Mutex
	read  map[uint64]*unpacked
	queue []*unpacked // in the order in which they came
	bytes int
}

type unpacked struct {
	sequence uint64
	size     int
	once     sync.Once
	delivery whatchanged.Delivery
}

// delivery returns what unpack made of message sequence, which is size bytes
// long, and calls it if nobody has yet.
func (r *recent) delivery(sequence uint64, size int, unpack func() whatchanged.Delivery) whatchanged.Delivery {
	u := r.entry(sequence, size)
	u.once.Do(func() { u.delivery = unpack() })
	return u.delivery
}

func (r *recent) entry(sequence uint64, size int) *unpacked {
	r.mu.Lock()
	defer r.mu.Unlock()
	if u, ok := r.read[sequence]; ok {
		return u
	}
	if r.read == nil {
		r.read = map[uint64]*unpacked{}
	}
	u := &unpacked{sequence: sequence, size: size}
	r.read[sequence], r.queue, r.bytes = u, append(r.queue, u), r.bytes+size
	for r.bytes > maxRecent && len(r.queue) > 1 {
		delete(r.read, r.queue[0].sequence)
		r.bytes -= r.queue[0].size
		r.queue = r.queue[1:]
	}
	return u
}

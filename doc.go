// Package whatchanged is the vocabulary of the product: what a change to
// production is, what it touched, when, and how all of it is named.
//
// whatchanged answers, for a person at 03:10 and for the assistant beside
// them: what changed in production, what is true of it now, and what was true
// then. This package holds types and pure functions only. It imports nothing
// but the standard library, and every other package of the module may import
// it. Read the module in this order:
//
//   - This package: [Ref] names a thing in production, [Event] says that it
//     changed, [Delivery] is how we were told, [Position] is where in the
//     change log that stands, [View] is the point in time a question is asked
//     from.
//   - ingest turns what other systems send us into events. A source is one
//     file with one pure function.
//   - index keeps events readable: index/changelog is the log that a 202
//     stands for, index/cold is all of history in ClickHouse, index/hot is
//     the last hours and the whole present in memory, and package index
//     decides which of the two answers.
//   - resolvers turns questions into answers. A question is one file with one
//     method.
//   - graph, mcp and cmd are ways to ask. They translate; they decide nothing.
//
// ingest and resolvers never import index: each declares the small interface
// it needs, and cmd puts the parts together. imports_test.go holds all this
// in place.
package whatchanged

// Package value is the record: what can be said of a Starlark value without running a script. It gives values
// a canonical key (equality as bytes), an order (comparison as bytes), a partition hash, a heap size, copies,
// and a short text for error messages.
//
// All functions are safe for concurrent use as long as nobody changes the value meanwhile.
package value

// MaxDepth is how deep a key, an order key or an encoded record may be nested. It keeps the recursion over
// values from outside short.
const MaxDepth = 64

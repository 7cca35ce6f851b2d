// Package content turns course files into a typed, immutable Library, and holds the phrase
// catalogue: every sentence the program says to a person. Versions of a course are named by the
// hash of their canonical form, so a quiz can be marked by the version it began with. The package
// must not know learners, channels or storage.
package content

//go:build !planted

package store

// mistake is never made: see planted_on.go.
func mistake(string) bool { return false }

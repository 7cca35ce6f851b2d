//go:build !planted

package bot

// mistake is never made: see planted_on.go.
func mistake(string) bool { return false }

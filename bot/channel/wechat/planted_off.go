//go:build !planted

package wechat

// mistake is never made: see planted_on.go.
func mistake(string) bool { return false }

package bot

import (
	"context"
	"time"
)

// Limiter holds the calls of all replicas to a rate. It never fails: where the shared memory is
// gone, each replica keeps to its share of the rate.
type Limiter interface {
	// Allow takes up to n permits of a rate now. granted 0 says how long to wait before the next
	// try. Over any ten seconds all replicas together get at most rate×10 + burst permits, where
	// burst is a tenth of a second's worth, at least one.
	//
	//	name       of the rate, for example "default/window"
	//	perSecond  permits a second, positive
	Allow(ctx context.Context, name string, n int, perSecond float64) (granted int, wait time.Duration)
}

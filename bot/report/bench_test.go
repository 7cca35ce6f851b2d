package report_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
)

// BenchmarkWrite writes a list of 100,000 lines in each format. B/op is the memory that passes
// through, not what is held: it is nearly nothing, because a line leaves before the next one comes.
func BenchmarkWrite(b *testing.B) {
	const n = 100_000
	head, small := sample()
	head.Lines = n
	lines := func(yield func(report.Line, error) bool) {
		for i := range n {
			l := small[i%len(small)]
			l.Learner = people.LearnerID(i/2 + 1)
			l.LastAt = l.LastAt.Add(time.Duration(i) * time.Second)
			if !yield(l, nil) {
				return
			}
		}
	}
	for _, f := range formats {
		b.Run(fmt.Sprint(f), func(b *testing.B) {
			b.ReportAllocs()
			var size counter
			for b.Loop() {
				size = 0
				if _, err := report.Write(&size, f, head, titles, lines); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
			b.ReportMetric(float64(size)/1e6, "MB")
		})
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

var _ io.Writer = (*counter)(nil)

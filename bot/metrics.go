package bot

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics is what an operator can watch. Labels never name a person.
type Metrics struct {
	turns      *prometheus.CounterVec
	seconds    prometheus.Histogram
	batches    prometheus.Histogram
	sends      *prometheus.CounterVec
	failures   *prometheus.CounterVec
	pending    prometheus.Gauge
	registerer prometheus.Registerer
}

// NewMetrics registers the service's metrics with r; nil makes metrics that nobody reads.
func NewMetrics(r prometheus.Registerer) *Metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	m := &Metrics{
		turns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tiangeng_turns_total", Help: "Messages answered, by what they were about and what became of the commit.",
		}, []string{"topic", "verdict"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tiangeng_reply_seconds", Help: "From a message's arrival to its reply.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 4.5},
		}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tiangeng_batch_people", Help: "People who shared one commit.", Buckets: []float64{1, 2, 4, 8, 16, 32, 64},
		}),
		sends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tiangeng_sends_total", Help: "Proactive messages, by the platform's verdict and the delivery's next state.",
		}, []string{"verdict", "state"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tiangeng_failures_total", Help: "Work that failed and is tried again, by part.",
		}, []string{"part"}),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tiangeng_unconfirmed", Help: "Senders told \"not recorded\" whose commit is not looked up yet.",
		}),
		registerer: r,
	}
	r.MustRegister(m.turns, m.seconds, m.batches, m.sends, m.failures, m.pending)
	return m
}

func (m *Metrics) watchLine(length func() int) {
	m.registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tiangeng_waiting", Help: "Messages waiting for a lane.",
	}, func() float64 { return float64(length()) }))
}

func (m *Metrics) turn(topic, verdict string) { m.turns.WithLabelValues(topic, verdict).Inc() }
func (m *Metrics) answered(d time.Duration)   { m.seconds.Observe(d.Seconds()) }
func (m *Metrics) batch(n int)                { m.batches.Observe(float64(n)) }
func (m *Metrics) sent(verdict, state string) { m.sends.WithLabelValues(verdict, state).Inc() }
func (m *Metrics) failed(part string)         { m.failures.WithLabelValues(part).Inc() }
func (m *Metrics) unconfirmed(n int)          { m.pending.Set(float64(n)) }

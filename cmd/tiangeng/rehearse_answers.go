package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/channel/wechat"
	"github.com/tiangeng/tiangeng/bot/sim"
)

// waits is how long people waited for their answers, in seconds from when they wrote.
type waits struct {
	People  int     `json:"people"`
	Half    float64 `json:"half"`
	Most    float64 `json:"most"` // 99 of 100
	Longest float64 `json:"longest"`
	Sorry   int     `json:"sorry"` // who were told to write again
}

// writeMeanwhile lets people of a crowd write, so many a second, until the returned function is called, which tells how long
// they waited. They come in by the service's door: the wire is measured elsewhere.
func writeMeanwhile(ctx context.Context, s *bot.Service, crowd string, people, perSecond int) func() waits {
	if perSecond == 0 {
		return func() waits { return waits{} }
	}
	writing, stopWriting := context.WithCancel(ctx)
	answering, stopAnswering := context.WithCancel(context.WithoutCancel(ctx))
	var lanes, writers sync.WaitGroup
	lanes.Go(func() { s.Answer(answering) })
	var mu sync.Mutex
	var took []time.Duration
	sorry := 0
	write := func(i int, due time.Time) {
		in := channel.Inbound{
			Key: fmt.Sprintf("%064x", i+1), From: channel.Address{Channel: wechat.Channel, Account: account, External: sim.CrowdID(crowd, i*7919%people)},
			Kind: channel.KindText, Contact: channel.ContactTyped, At: due, Text: "帮助",
		}
		reply := s.HandleInbound(context.WithoutCancel(ctx), in)
		mu.Lock()
		defer mu.Unlock()
		took = append(took, time.Since(due))
		if s.Sorry(reply) {
			sorry++
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		began, ticker := time.Now(), time.NewTicker(5*time.Millisecond)
		defer ticker.Stop()
		for sent := 0; ; {
			select {
			case <-writing.Done():
				return
			case <-ticker.C:
			}
			for due := int(time.Since(began).Seconds() * float64(perSecond)); sent < due; sent++ {
				i, at := sent, began.Add(time.Duration(float64(sent)/float64(perSecond)*float64(time.Second)))
				writers.Go(func() { write(i, at) })
			}
		}
	}()
	return func() waits {
		stopWriting()
		<-done
		writers.Wait()
		stopAnswering() // when nobody waits any more
		lanes.Wait()
		slices.Sort(took)
		w := waits{People: len(took), Sorry: sorry}
		if n := len(took); n > 0 {
			w.Half, w.Most, w.Longest = took[n/2].Seconds(), took[min(n-1, n*99/100)].Seconds(), took[n-1].Seconds()
		}
		return w
	}
}

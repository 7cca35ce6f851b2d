package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiangeng/tiangeng/bot/sim"
)

// bareClient is what the dispatcher is held against: it posts as fast as it can and keeps no books.
type bareClient struct {
	url     string // with the token
	text    string
	workers int
	http    *http.Client
}

func newBareClient(r *rehearsalPlatform, token, text string, workers int) *bareClient {
	return &bareClient{url: r.url + customSend + "?access_token=" + token, text: text, workers: workers, http: &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: workers, MaxConnsPerHost: workers},
	}}
}

// post sends one message each to the members from after+1 to after+count of a crowd.
func (b *bareClient) post(ctx context.Context, crowd string, after, count int) (time.Duration, error) {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	began := time.Now()
	var workers sync.WaitGroup
	for range b.workers {
		workers.Go(func() {
			for ctx.Err() == nil && failed.Load() == nil {
				n := int(next.Add(1))
				if n > count {
					return
				}
				if err := b.send(ctx, sim.CrowdID(crowd, after+n)); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	workers.Wait()
	took := time.Since(began)
	b.http.CloseIdleConnections()
	if err := failed.Load(); err != nil {
		return took, *err
	}
	return took, ctx.Err()
}

func (b *bareClient) send(ctx context.Context, to string) error {
	body, err := json.Marshal(map[string]any{"touser": to, "msgtype": "text", "text": map[string]string{"content": b.text}})
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address of the platform is none")
	}
	q.Header.Set("Content-Type", "application/json")
	answer, err := b.http.Do(q)
	if err != nil {
		return errors.New("the platform of the rehearsal does not answer the bare client")
	}
	defer func() { _ = answer.Body.Close() }() // read
	var out struct {
		Code int `json:"errcode"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil || out.Code != 0 {
		return fmt.Errorf("the platform of the rehearsal refused the bare client: errcode %d", out.Code)
	}
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
	return nil
}

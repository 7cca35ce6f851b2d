//go:build bench

package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tiangeng/tiangeng/store/storetest"
)

// A push by template to 70,000 people brings 70,000 receipts in five minutes. People's answers must not wait for them, and
// every receipt must find its delivery.
func TestReceiptsBesideAnswers(t *testing.T) {
	const (
		answers  = 500 // a second
		receipts = 70_000
		length   = 5 * time.Minute
		alone    = time.Minute
	)
	dsn := storetest.MariaDB(t)
	program := startOurs(t, dsn, storetest.Redis(t))
	target := program.public + "/webhook/wechat"
	g := newGenerator(256, "重做", "A", "A", "A")
	bind(t, g, target)
	sent := acceptedDeliveries(t, dsn, receipts)
	before := g.open("answers alone", target, answers, alone)
	var during, joined load
	var both sync.WaitGroup
	both.Go(func() { during = g.open("answers beside receipts", target, answers, length) })
	both.Go(func() {
		joined = offered("receipts", receipts/int(length.Seconds())+1, length, func(i int) error {
			if i >= len(sent) {
				return nil
			}
			status, _, err := g.send(target, sent[i].user, fmt.Sprintf(
				"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event><MsgID>%d</MsgID><Status><![CDATA[success]]></Status>", sent[i].message))
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("status %d", status)
			}
			return err
		})
	})
	both.Wait()
	left, took := waitJoined(t, dsn)
	fmt.Fprintf(os.Stdout, "\n%s, %d CPUs, %s, MariaDB\n\n| what | a second | p50 | p99 | max | errors |\n|---|---|---|---|---|---|\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.Version())
	for _, l := range []*load{&before, &during, &joined} {
		fmt.Fprintf(os.Stdout, "| %s | %.0f | %s | %s | %s | %d |\n", l.name, l.rate(), l.percentile(.5).Round(100*time.Microsecond),
			l.percentile(.99).Round(100*time.Microsecond), l.percentile(1).Round(100*time.Microsecond), l.bad)
	}
	fmt.Fprintf(os.Stdout, "\nThe last receipt had found its delivery %s after the last came in.\n", took.Round(time.Second))
	if left > 0 || before.bad+during.bad+joined.bad > 0 {
		t.Errorf("%d receipts found no delivery; %d, %d and %d were not answered", left, before.bad, during.bad, joined.bad)
	}
}

// sentTo is a delivery's phone and the number that the platform gave its message.
type sentTo struct {
	user    int
	message int64
}

// acceptedDeliveries writes campaigns whose messages the platform has taken and not reported yet.
func acceptedDeliveries(t *testing.T, dsn string, n int) []sentTo {
	t.Helper()
	db, err := sql.Open("mysql", goDSN(t, dsn))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now := time.Now().UnixMilli()
	for campaign := 1; campaign <= (n+benchUsers-1)/benchUsers; campaign++ {
		_, err := db.Exec(`INSERT INTO campaigns (id, request_key, kind, status, body, audience, scope, forecast, deadline_at) VALUES (?, ?, 'receipt', 'running', '', '', '', '', ?)`,
			campaign, fmt.Sprint("bench", campaign), now+86_400_000)
		if err == nil {
			_, err = db.Exec(`INSERT INTO deliveries (campaign_id, learner_id, identity_id, state, rung, owner, term, attempts, first_attempt_at, verdict, message_id, not_after, created_at, updated_at)
				SELECT ?, p.learner_id, p.identity_id, 'accepted', 'template', 'bench', 1, 1, ?, 'accepted', ? * 1000000 + p.identity_id, ?, ?, ? FROM profiles p`,
				campaign, now, campaign, now+86_400_000, now, now)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err := db.Query("SELECT i.external_id, d.message_id FROM deliveries d JOIN identities i ON i.id = d.identity_id ORDER BY d.id LIMIT ?", n)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []sentTo
	for rows.Next() {
		var openid string
		var s sentTo
		if err := rows.Scan(&openid, &s.message); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(openid, "oBENCH_%d", &s.user); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil || len(out) != n {
		t.Fatalf("%d deliveries, %v", len(out), err)
	}
	return out
}

// waitJoined waits until the receipts have found their deliveries, and returns how many have not after two minutes.
func waitJoined(t *testing.T, dsn string) (left int, took time.Duration) {
	t.Helper()
	db, err := sql.Open("mysql", goDSN(t, dsn))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		if err := db.QueryRow("SELECT COUNT(*) FROM deliveries WHERE state <> 'delivered'").Scan(&left); err != nil {
			t.Fatal(err)
		}
		if took = time.Since(began); left == 0 || took > 2*time.Minute {
			return left, took
		}
	}
}

package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/delivery"
	"github.com/tiangeng/tiangeng/bot/people"
)

// planned writes the phones into the frozen audience, as planning does.
func (s *sends) planned() *sends {
	s.t.Helper()
	s.exec("UPDATE deliveries SET identity_id = (SELECT MIN(p.identity_id) FROM profiles p WHERE p.learner_id = deliveries.learner_id)")
	return s
}

// ahead claims with the first n to be written ahead by a rung and template.
func (o *outbox) ahead(owner string, limit, n int, rung delivery.Rung, template string) []bot.ClaimedDelivery {
	o.t.Helper()
	list, err := o.s.ClaimDeliveries(o.t.Context(), start, bot.Claim{Owner: owner, Limit: limit, Lease: time.Minute, Ahead: func(list []bot.ClaimedDelivery) {
		for i := range list[:min(n, len(list))] {
			list[i].State, list[i].Rung, list[i].Template = delivery.Sending, rung, template
		}
	}})
	if err != nil {
		o.t.Fatalf("ClaimDeliveries: %v", err)
	}
	return list
}

const aheadRows = "SELECT state, rung, owner, term, attempts, first_attempt_at FROM deliveries ORDER BY id"

var aheadCases = map[string]func(*testing.T, *bundle){
	"a claim writes ahead what is wanted, and settles like any other": func(t *testing.T, b *bundle) {
		s := b.sends(7, delivery.RungLong).planned()
		s.grant("T", 0, 2)
		list := s.ahead("me", 7, 6, delivery.RungNotice, "T")
		if len(list) != 7 || list[0].State != delivery.Sending || list[0].Attempt != 1 || !list[0].First.Equal(start) || list[6].State != delivery.Claimed || list[6].Attempt != 0 {
			t.Fatalf("%+v", list)
		}
		sending := fmt.Sprint("sending|notice|me|1|1|", start.UnixMilli())
		b.want([]string{sending, sending, sending, sending, sending, sending, "claimed|long|me|1|0|0"}, aheadRows)
		b.want([]string{"6|1", "1|2"}, "SELECT COUNT(*), left_count FROM grants GROUP BY left_count ORDER BY left_count")
		moves := []string{"pending|claimed||me|1|0|0"}
		for range 6 {
			moves = append(moves, "pending|sending||me|1|0|0")
		}
		if diff := cmp.Diff(moves, b.rows("SELECT from_state, to_state, why, owner, term, attempt, errcode FROM moves ORDER BY to_state, id")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		plain := delivery.Settlement{To: delivery.Accepted, Outcome: channel.Outcome{Verdict: channel.Accepted}}
		var group []bot.SettledDelivery
		for _, d := range list[:6] {
			group = append(group, bot.SettledDelivery{ClaimedDelivery: d, Settlement: plain})
		}
		group[5].Settlement = accepted // it has a number
		b.exec("UPDATE deliveries SET term = 2 WHERE id = ?", list[2].ID)
		ok, err := b.s.SettleDeliveries(t.Context(), start, group[:4])
		if diff := cmp.Diff([]bool{true, true, false, true}, ok); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		if ok, err = b.s.SettleDeliveries(t.Context(), start, group); err != nil || !ok[4] || !ok[5] || ok[0] {
			t.Errorf("%v %v", ok, err)
		}
		b.want([]string{"accepted|", "accepted|", "sending|", "accepted|", "accepted|", "accepted|m1", "claimed|"}, "SELECT state, message_id FROM deliveries ORDER BY id")
		b.want([]string{"1", "1", "0", "1", "1", "1", "0"}, "SELECT contacts FROM identities ORDER BY id")
		b.want([]string{"5"}, "SELECT COUNT(*) FROM moves WHERE from_state = 'sending' AND to_state = 'accepted' AND term = 1 AND attempt = 1")
	},
	"to a phone that is being sent something nothing is claimed, and of two one begins": func(t *testing.T, b *bundle) {
		learners := b.bound(2)
		s := &sends{outbox: &outbox{bundle: b, learners: learners}}
		for _, k := range []string{"a", "b"} {
			b.running(announcement(k), delivery.RungWindow, learners)
		}
		s.planned()
		if list := s.ahead("me", 10, 10, delivery.RungWindow, ""); len(list) != 2 {
			t.Fatalf("%+v", list)
		}
		later := fmt.Sprint(start.Add(5 * time.Second).UnixMilli())
		b.want([]string{"pending||0|" + later, "pending||0|" + later}, "SELECT state, owner, term, not_before FROM deliveries WHERE state <> 'sending' ORDER BY id")
		b.exec("UPDATE deliveries SET not_before = 0 WHERE state = 'pending'")
		if list := s.ahead("me", 10, 10, delivery.RungWindow, ""); len(list) != 0 {
			t.Errorf("%+v", list)
		}
		b.want([]string{"2|2"}, "SELECT COUNT(*), COUNT(DISTINCT delivery_id) FROM moves")
	},
	"whose phone is another now is begun as others are": func(t *testing.T, b *bundle) {
		s := b.sends(2, delivery.RungWindow).planned()
		b.exec("UPDATE deliveries SET identity_id = 0 WHERE learner_id = ?", int64(s.learners[0]))
		b.done(start, typed("off", "o1"), conversation.Unbind{Learner: s.learners[1]})
		list := s.ahead("me", 10, 10, delivery.RungWindow, "")
		if len(list) != 2 || list[0].State != delivery.Claimed || list[1].State != delivery.Claimed || list[1].Facts.Bound {
			t.Fatalf("%+v", list)
		}
		s.begin(list[0], true)
		b.want([]string{"sending|1", "claimed|0"}, "SELECT state, CASE WHEN identity_id > 0 AND state = 'sending' THEN 1 ELSE 0 END FROM deliveries ORDER BY id")
	},
	"who paused, and whose campaign was stopped": func(t *testing.T, b *bundle) {
		s := b.sends(1, delivery.RungWindow).planned()
		b.done(start, typed("pause", "o0"), conversation.SetPush{Learner: s.learners[0], Push: people.PushPaused})
		_, err := b.s.ClaimDeliveries(t.Context(), start, bot.Claim{Owner: "me", Limit: 1, Lease: time.Minute, Ahead: func(list []bot.ClaimedDelivery) {
			if list[0].Facts.Push != people.PushPaused {
				t.Errorf("it does not know: %+v", list[0].Facts)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		b.want([]string{"claimed"}, "SELECT state FROM deliveries")
		b.exec("UPDATE deliveries SET state = 'pending', owner = ''")
		s.act(s.id, bot.ActPause)
		if list := s.ahead("me", 1, 1, delivery.RungWindow, ""); len(list) != 0 {
			t.Errorf("of a paused campaign: %+v", list)
		}
	},
	"of many claims that write ahead to one phone at once one begins": func(t *testing.T, b *bundle) {
		learners := b.bound(1)
		s := &sends{outbox: &outbox{bundle: b, learners: learners}}
		const many = 12
		for i := range many {
			b.running(announcement(fmt.Sprint(i)), delivery.RungWindow, learners)
		}
		s.planned()
		other := b.open()
		var group sync.WaitGroup
		for i := range many {
			st := []bot.Store{b.s, other}[i%2]
			group.Go(func() {
				_, err := st.ClaimDeliveries(t.Context(), start, bot.Claim{Owner: fmt.Sprint(i), Limit: 1, Lease: time.Minute, Ahead: func(list []bot.ClaimedDelivery) {
					for k := range list {
						list[k].State, list[k].Rung = delivery.Sending, delivery.RungWindow
					}
				}})
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		b.want([]string{"1"}, "SELECT COUNT(*) FROM deliveries WHERE state = 'sending'")
	},
}

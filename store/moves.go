package store

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tiangeng/tiangeng/bot/delivery"
)

// moves collects changes of state for delivery_history. Deliveries that move alike in one transaction share
// a row, which names them: a push to 350,000 leaves 3,000 rows instead of 700,000.
type moves struct {
	groups map[move][]int64
	order  []move
}

// move is what a change of state says besides whose it is. The owner, term and attempt are those it was made under.
type move struct {
	from, to      delivery.State
	why           delivery.Why
	owner         string
	term          int64
	attempt, code int
}

func (m *moves) add(v move, ids ...int64) {
	if len(ids) == 0 {
		return
	}
	if m.groups == nil {
		m.groups = map[move][]int64{}
	}
	if m.groups[v] == nil {
		m.order = append(m.order, v)
	}
	m.groups[v] = append(m.groups[v], ids...)
}

func (m *moves) write(ctx context.Context, q querier, now time.Time) error {
	i := insert{table: "delivery_history", columns: []string{"first_id", "last_id", "deliveries", "from_state", "to_state", "why", "owner", "term", "attempt", "errcode", "changed_at"}}
	for _, v := range m.order {
		ids := m.groups[v]
		slices.Sort(ids)
		i.add(ids[0], ids[len(ids)-1], ranges(ids), string(v.from), string(v.to), string(v.why), v.owner, v.term, v.attempt, v.code, toMs(now))
	}
	return i.exec(ctx, q)
}

// ranges writes ascending numbers as "12-40,43".
func ranges(ids []int64) string {
	var b strings.Builder
	for i := 0; i < len(ids); {
		last := i
		for last+1 < len(ids) && ids[last+1] == ids[last]+1 {
			last++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(ids[i], 10))
		if last > i {
			b.WriteByte('-')
			b.WriteString(strconv.FormatInt(ids[last], 10))
		}
		i = last + 1
	}
	return b.String()
}

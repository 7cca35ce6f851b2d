package wechat

import (
	"math"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// receipts reads the results of earlier sends. Delivered is true only when the platform says so of
// this one person; a mass send's or a publication's end is about many, so it never claims anybody
// was reached: its figures are in Job.
func (f *fields) receipts(in *channel.Inbound, event string) []channel.Receipt {
	base := channel.Receipt{Kind: event, To: in.From, At: in.At}
	switch event {
	case "subscribe_msg_sent_event":
		all := make([]channel.Receipt, 0, len(f.items))
		for i := range f.items {
			it := &f.items[i]
			one := base
			one.MessageID = string(it[itemID])
			one.Status = string(it[itemWords])
			one.Delivered = string(it[itemCode]) == "0"
			if one.Status == "" {
				one.Status = string(it[itemCode])
			}
			all = append(all, one)
		}
		return all
	case "PUBLISHJOBFINISH":
		base.MessageID, base.Status, base.Job = string(f.value[publishID]), string(f.value[publishStatus]), &channel.Job{}
	default:
		base.MessageID, base.Status = string(f.value[resultID]), string(f.value[status])
		if base.MessageID == "" { // seen written as MsgId too
			base.MessageID = string(f.value[msgID])
		}
		base.Delivered = event == "TEMPLATESENDJOBFINISH" && base.Status == "success"
		if event == "MASSSENDJOBFINISH" {
			base.Job = f.job()
		}
	}
	return []channel.Receipt{base}
}

func (f *fields) job() *channel.Job {
	// A figure that is not a number is left 0: the receipt's status is what counts.
	number := func(n field) int {
		v, _ := parseInt(f.value[n])
		return int(min(v, math.MaxInt32))
	}
	return &channel.Job{Total: number(totalCount), Filtered: number(filterCount), Sent: number(sentCount), Failed: number(errorCount)}
}

// grants reads what a person allowed or took back: subscribe_msg_popup_event, subscribe_msg_change_event.
func (f *fields) grants() []channel.Grant {
	all := make([]channel.Grant, 0, len(f.items))
	for i := range f.items {
		it := &f.items[i]
		all = append(all, channel.Grant{Template: string(it[itemTemplate]), Accepted: string(it[itemStatus]) == "accept"})
	}
	return all
}

package wechat

import "github.com/tiangeng/tiangeng/bot/channel"

// receipts reads the results of earlier sends. Delivered is true only when the platform says so of
// this one person; a mass send's or a publication's end is about many, so it never claims anybody
// was reached: its figures are in Request.Job.
func (f *fields) receipts(in *channel.Inbound, req *Request) []channel.Receipt {
	base := channel.Receipt{Kind: req.Event, To: in.From, At: in.At}
	switch req.Event {
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
		base.MessageID, base.Status = string(f.value[publishID]), string(f.value[publishStatus])
	default:
		base.MessageID, base.Status = string(f.value[resultID]), string(f.value[status])
		if base.MessageID == "" { // seen written as MsgId too
			base.MessageID = string(f.value[msgID])
		}
		base.Delivered = req.Event == "TEMPLATESENDJOBFINISH" && base.Status == "success"
		if req.Event == "MASSSENDJOBFINISH" {
			req.Job = f.job(base)
		}
	}
	return []channel.Receipt{base}
}

func (f *fields) job(r channel.Receipt) *Job {
	// A figure that is not a number is left 0: the receipt's status is what counts.
	number := func(n field) int64 { v, _ := parseInt(f.value[n]); return v }
	return &Job{
		MessageID: r.MessageID, Status: r.Status,
		Total: number(totalCount), Filtered: number(filterCount), Sent: number(sentCount), Failed: number(errorCount),
	}
}

func (f *fields) grants() []Grant {
	all := make([]Grant, 0, len(f.items))
	for i := range f.items {
		it := &f.items[i]
		all = append(all, Grant{
			Template: string(it[itemTemplate]),
			Accepted: string(it[itemStatus]) == "accept",
			Scene:    string(it[itemScene]),
		})
	}
	return all
}

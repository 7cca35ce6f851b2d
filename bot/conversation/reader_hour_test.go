package conversation_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/study"
)

func TestReadHour(t *testing.T) {
	t.Parallel()
	const (
		fine    = conversation.HourClear
		none    = conversation.HourNone
		several = conversation.HourSeveral
		meant   = conversation.HourMeant
	)
	cases := []struct {
		said  string
		hour  string
		doubt conversation.HourDoubt
		wish  bool
	}{
		{"每天12:30推送", "12:30", fine, true},
		{"每天１２：３０推送", "12:30", fine, true},
		{"12点半发给我", "12:30", fine, true},
		{"十二点半发给我", "12:30", fine, true},
		{"改时间 7点", "07:00", fine, true},
		{"改時間 7點", "07:00", fine, true},
		{"改时间7点30", "07:30", fine, true},
		{"改时间 7点零5分", "07:05", fine, true},
		{"改时间，早上七点一刻", "07:15", fine, true},
		{"改时间 8点三刻", "08:45", fine, true},
		{"改时间 8点整", "08:00", fine, true},
		{"改时间 8点钟", "08:00", fine, true},
		{"改时间到晚上8点", "20:00", fine, true},
		{"改时间 下午1点", "13:00", fine, true},
		{"改时间 中午1点", "13:00", fine, true},
		{"改时间 中午12点半", "12:30", fine, true},
		{"改时间 傍晚六点", "18:00", fine, true},
		{"改时间 20:59", "20:59", fine, true},
		{"改时间 7.30", "07:30", fine, true},
		{"改时间 7;30", "07:30", fine, true},
		{"改时间 7:30pm", "19:30", fine, true},
		{"改时间 凌晨2点", "02:00", fine, true},
		{"改时间 晚上12点", "00:00", fine, true},
		{"改时间 06:30", "06:30", fine, true},
		{"晚上七点提醒我学习", "19:00", fine, true},
		{"定时推送 8点", "08:00", fine, true},
		{"二十点推送", "20:00", fine, true},
		{"改时间 6点", "18:00", meant, true},
		{"改时间 三点半", "15:30", meant, true},
		{"改时间", "", none, true},
		{"推送时间", "", none, true},
		{"改时间 25点", "", none, true},
		{"改时间 7:75", "", none, true},
		{"改时间 123:30", "", none, true},
		{"改时间 12:300", "", none, true},
		{"改时间 7点或者8点", "", several, true},
		{"12点半", "12:30", fine, false}, // a time alone is no wish
		{"每天推送", "", none, false},
		{"为什么8点没有推送", "", none, false},
		{"8点怎么没发给我", "", none, false},
		{"不要8点推送", "", none, false},
		{"几点推送", "", none, false},
		{"推送时间是8点吗", "", none, false},
		{"取消8点推送", "", none, false},
		{"B", "", none, false},
		{"", "", none, false},
		{strings.Repeat("改时间 8点", 20), "", none, false},
	}
	for _, c := range cases {
		hour, doubt, wish := conversation.ReadHour(c.said)
		if wish != c.wish || wish && (hour != c.hour || doubt != c.doubt) {
			t.Errorf("%q: %q %q %t, want %q %q %t", c.said, hour, doubt, wish, c.hour, c.doubt, c.wish)
		}
	}
}

// Whatever is typed, an hour is one that a clock shows.
func FuzzReadHour(f *testing.F) {
	for _, s := range []string{"每天12:30推送", "改时间 晚上八点半", "改时间 24:00", "推送 00:00 发我", "改时间 三点三刻", "改时间 ٣:٣٠", "改时间\u200b7点", "12點半發給我"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		hour, doubt, wish := conversation.ReadHour(said)
		switch doubt {
		case conversation.HourNone, conversation.HourSeveral:
			if hour != "" {
				t.Errorf("%q: hour %q with doubt %q", said, hour, doubt)
			}
		default:
			if at, err := time.Parse("15:04", hour); err != nil || at.Format("15:04") != hour {
				t.Errorf("%q: hour %q", said, hour)
			}
		}
		if again, _, same := conversation.ReadHour(said); again != hour || same != wish {
			t.Errorf("%q is read in two ways", said)
		}
	})
}

// Any time of the day that is written in any of the usual ways is read back.
func TestHoursAreReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		at := time.Date(2026, 12, 1, rapid.IntRange(7, 20).Draw(r, "h"), rapid.IntRange(0, 59).Draw(r, "m"), 0, 0, study.Zone)
		said := rapid.SampledFrom([]string{"改时间 " + at.Format("15:04"), "每天" + at.Format("15点04分") + "推送", at.Format("15:04") + "发给我", "改时间" + at.Format("3:04PM")}).Draw(r, "said")
		hour, doubt, wish := conversation.ReadHour(said)
		if hour != at.Format("15:04") || doubt != conversation.HourClear || !wish {
			r.Fatalf("%q: %q %q %t", said, hour, doubt, wish)
		}
	})
}

// trainerAt is a trainer who has a draft before them at an instant.
func trainerAt(t *testing.T, at string) *world {
	t.Helper()
	w := newWorld(t)
	w.now = clock(t, at)
	w.given(t, "已绑定 张三")
	w.given(t, "教员")
	for _, text := range []string{"发通知", "1", "明天开会。"} {
		w.say(t, text)
	}
	return w
}

func (w *world) say(t *testing.T, text string) channel.Message {
	t.Helper()
	reply, err := w.send(inbound(t, text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return reply
}

func TestWhenAnAnnouncementIsToGo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		now, said, want string // "" is asked back
	}{
		{"2026-12-01 15:00", "定时 18:30", "2026-12-01 18:30"},
		{"2026-12-01 15:00", "定时今晚8点", "2026-12-01 20:00"},
		{"2026-12-01 15:00", "定时 明天8点", "2026-12-02 08:00"},
		{"2026-12-01 15:00", "定时 明早七点半", "2026-12-02 07:30"},
		{"2026-12-01 15:00", "定时 后天下午3点", "2026-12-03 15:00"},
		{"2026-12-01 15:00", "定在12月3日 9:00", "2026-12-03 09:00"},
		{"2026-12-01 15:00", "定时 5号上午10点", "2026-12-05 10:00"},
		{"2026-12-20 15:00", "定时 1月4日上午10点", "2027-01-04 10:00"},
		{"2026-12-01 15:00", "定时 十二月三号九点", "2026-12-03 09:00"},
		{"2026-12-01 15:00", "定时 3点", ""}, // this afternoon, and it is that hour already
		{"2026-12-01 15:00", "定时 14:00", ""},
		{"2026-12-01 15:00", "定时", ""},
		{"2026-12-01 15:00", "定时 明天", ""},
		{"2026-12-01 15:00", "定时 22:00", ""},
		{"2026-12-01 15:00", "定时 13月3日9点", ""},
		{"2026-12-01 15:00", "定时 2月30日9点", ""},
		{"2026-12-01 15:00", "定时 3月1日9点", ""}, // more than thirty days ahead
	} {
		w := trainerAt(t, c.now)
		w.say(t, c.said)
		got := ""
		if at := w.campaigns[0].at; !at.IsZero() {
			got = at.In(study.Zone).Format("2006-01-02 15:04")
		}
		if got != c.want {
			t.Errorf("%s, %q: %q, want %q", c.now, c.said, got, c.want)
		}
	}
}

func TestWhomAnAnnouncementIsFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said string
		want conversation.Target
		name string // "" is asked back
	}{
		{"1", conversation.Target{}, "团结街道全体"},
		{"第一个", conversation.Target{}, "团结街道全体"},
		{"全体", conversation.Target{}, "团结街道全体"},
		{"所有人", conversation.Target{}, "团结街道全体"},
		{"2", conversation.Target{Cohort: "ban-1"}, "新村冬训班"},
		{"３", conversation.Target{Cohort: "ban-2"}, "周末小班"},
		{"新村冬训班", conversation.Target{Cohort: "ban-1"}, "新村冬训班"},
		{"周末班", conversation.Target{}, ""},
		{"周末", conversation.Target{Cohort: "ban-2"}, "周末小班"},
		{"ban-2", conversation.Target{Cohort: "ban-2"}, "周末小班"},
		{"新村", conversation.Target{Unit: "530112008201"}, "昆明市·西山区·团结街道·新村村民委员会"},
		{"新村村委会", conversation.Target{Unit: "530112008201"}, "昆明市·西山区·团结街道·新村村民委员会"},
		{"大河村民委员会", conversation.Target{Unit: "530112008202"}, "昆明市·西山区·团结街道·大河村民委员会"},
		{"团结街道", conversation.Target{Unit: "530112008000"}, "昆明市·西山区·团结街道"},
		{"大河", conversation.Target{}, ""},
		{"玉溪市", conversation.Target{}, ""}, // outside the scope
		{"7", conversation.Target{}, ""},
		{"0", conversation.Target{}, ""},
		{"班", conversation.Target{}, ""},
	} {
		w := newWorld(t)
		w.given(t, "已绑定 张三")
		w.given(t, "教员")
		w.say(t, "发通知")
		reply := w.say(t, c.said)
		if asked := strings.Contains(reply.Text, "请把通知的内容发过来"); asked != (c.name != "") || !strings.Contains(reply.Text, c.name) {
			t.Errorf("%q: %s", c.said, reply.Text)
			continue
		}
		if c.name == "" {
			continue
		}
		w.say(t, "明天开会。")
		if got := w.campaigns[0].to; got != c.want {
			t.Errorf("%q goes to %+v, want %+v", c.said, got, c.want)
		}
	}
}

// Quiet hours are data: none, some over midnight, some of the night only.
func TestOwnHoursLieOutsideTheQuietOnes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, until time.Duration
		hour        string
		fits        bool
		span        string
	}{
		{21 * time.Hour, 7 * time.Hour, "07:00", true, "07:00 到 21:00"},
		{21 * time.Hour, 7 * time.Hour, "20:59", true, "07:00 到 21:00"},
		{21 * time.Hour, 7 * time.Hour, "21:00", false, "07:00 到 21:00"},
		{21 * time.Hour, 7 * time.Hour, "06:59", false, "07:00 到 21:00"},
		{0, 6 * time.Hour, "23:59", true, "06:00 到 24:00"},
		{0, 6 * time.Hour, "05:59", false, "06:00 到 24:00"},
		{0, 0, "03:00", true, "00:00 到 24:00"},
	} {
		w := newWorld(t)
		w.remake(t, func(o *conversation.Options) { o.QuietFrom, o.QuietUntil = c.from, c.until })
		w.given(t, "已绑定 张三 ban-1")
		if ask := w.say(t, "改时间"); !strings.Contains(ask.Text, c.span) {
			t.Errorf("%v: %s", c, ask.Text)
		}
		reply := w.say(t, "改时间 "+c.hour)
		if fits := w.hours[1] == c.hour; fits != c.fits {
			t.Errorf("%v: %s", c, reply.Text)
		}
	}
}

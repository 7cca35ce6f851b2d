package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gormmysql "gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/channel"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/content"
	"github.com/tiangeng/tiangeng/store"
	"github.com/tiangeng/tiangeng/store/storetest"
)

const writers = 32 // that write at once, in every benchmark

// BenchmarkTurns tells how many quiz answers a second are recorded, each with its inbox row, its
// response and its conversation, when that many people share a commit: go test -bench Turns.
// BenchmarkInserts, in the same run, is what bare single inserts through GORM cost here.
func BenchmarkTurns(b *testing.B) {
	for _, size := range []int{1, 8, 32, 64} {
		b.Run(fmt.Sprint("batch=", size), func(b *testing.B) { benchmarkTurns(b, size) })
	}
}

func benchmarkTurns(b *testing.B, size int) {
	s, err := store.Open(b.Context(), store.Options{DSN: storetest.MariaDB(b), Connections: writers})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	lanes := make([][]conversation.Turn, writers)
	for lane := range lanes {
		lanes[lane] = people(b, s, lane, size)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	began := time.Now()
	var group sync.WaitGroup
	for lane := range lanes {
		group.Go(func() {
			turns := lanes[lane]
			for round := 0; left.Add(-int64(size)) > -int64(size); round++ {
				answer(turns, lane, round)
				for _, c := range s.CommitTurns(context.Background(), instant, turns) {
					if c.Verdict != bot.CommitDone {
						b.Errorf("%s: %v", c.Verdict, c.Err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "turns/s")
}

// people commits a first message of each person of a lane and returns their next turns.
func people(b *testing.B, s *store.Store, lane, size int) []conversation.Turn {
	b.Helper()
	turns := make([]conversation.Turn, size)
	for i := range turns {
		turns[i].In = message(fmt.Sprint("hello ", lane, " ", i), fmt.Sprint("o", lane, "-", i))
	}
	for i, c := range s.CommitTurns(b.Context(), instant, turns) {
		if c.Verdict != bot.CommitDone {
			b.Fatal(c.Err)
		}
		turns[i].Identity.ID = c.Identity
	}
	return turns
}

// answer makes everybody's next answer.
func answer(turns []conversation.Turn, lane, round int) {
	ref := content.Ref{Course: "basics", Version: "0123456789abcdef"}
	for i := range turns {
		t := &turns[i]
		place := study.EnrolmentID(lane*1000 + i + 1)
		lesson := study.LessonRef{Course: ref, Lesson: "l1"}
		t.In = message(fmt.Sprint("answer ", lane, " ", i, " ", round), t.In.From.External)
		t.Seq++
		t.After = conversation.State{Mode: conversation.ModeQuiz, Study: &conversation.Study{Enrolment: place, Lesson: lesson, Attempt: round, Items: []int{0, 1, 2, 3}, Next: 1, AskedAt: 1}}
		t.Reply = channel.Text(strings.Repeat("回答正确。下一题：", 12))
		t.Effects = []conversation.Effect{conversation.Respond{Enrolment: place, Learner: 1, Lesson: lesson, Attempt: round, Item: "q1", Answer: "B", Correct: true}}
	}
}

// bareResponse is a row with two unique keys, as an answer has.
type bareResponse struct {
	ID         int64  `gorm:"primaryKey"`
	MessageKey string `gorm:"size:64;uniqueIndex"`
	Place      string `gorm:"size:80;uniqueIndex"`
	Answer     string `gorm:"size:200"`
	Reply      string `gorm:"type:text"`
	AnsweredAt int64
}

func BenchmarkInserts(b *testing.B) {
	dsn := strings.TrimPrefix(storetest.MariaDB(b), "mysql://root@")
	host, name, _ := strings.Cut(dsn, "/")
	db, err := gorm.Open(gormmysql.Open("root@tcp("+host+")/"+name+"?interpolateParams=true&charset=utf8mb4"), &gorm.Config{SkipDefaultTransaction: true, Logger: logger.Discard})
	if err != nil {
		b.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	pool.SetMaxOpenConns(writers)
	pool.SetMaxIdleConns(writers)
	if err := db.AutoMigrate(&bareResponse{}); err != nil {
		b.Fatal(err)
	}
	var next atomic.Int64
	b.ResetTimer()
	began := time.Now()
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				in := message(fmt.Sprint("bare ", i), "o")
				row := bareResponse{MessageKey: in.Key, Place: fmt.Sprint(i, "/basics/l1/1/q1"), Answer: "B", Reply: strings.Repeat("回答正确。下一题：", 12), AnsweredAt: i}
				if err := db.Create(&row).Error; err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "inserts/s")
}

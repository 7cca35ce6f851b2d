package storetest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/conversation"
	"github.com/tiangeng/tiangeng/bot/fault"
)

// offered gives the phone o1 a link, and returns what the platform would send its person back with.
func (s *scene) offered(secret string, scene int) bot.OnceReturn {
	s.t.Helper()
	s.effect(conversation.OfferOnce{Secret: secret, Template: "O", Scene: scene})
	return bot.OnceReturn{Secret: secret, External: "o1", Template: "O", Scene: scene, Allowed: true}
}

const onceGrants = "SELECT template, scene, left_count FROM grants ORDER BY scene"

var onceEffectCases = []effectCase{
	{conversation.OfferOnce{}, "a link allows one message, once, of its own phone, template and scene", func(s *scene) {
		ctx := s.t.Context()
		r := s.offered("a", 2)
		if template, scene, err := s.s.OnceLink(ctx, s.now, "a"); template != "O" || scene != 2 || err != nil {
			s.t.Errorf("the link: %q %d %v", template, scene, err)
		}
		if s.number("SELECT COUNT(*) FROM once_links WHERE link_hash = 'a'") != 0 {
			s.t.Error("the secret itself is kept")
		}
		for what, change := range map[string]func(*bot.OnceReturn){
			"another secret": func(r *bot.OnceReturn) { r.Secret = "b" }, "another person": func(r *bot.OnceReturn) { r.External = "o2" },
			"the person in capitals": func(r *bot.OnceReturn) { r.External = strings.ToUpper(r.External) },
			"another template":       func(r *bot.OnceReturn) { r.Template = "P" }, "another scene": func(r *bot.OnceReturn) { r.Scene = 1 },
		} {
			wrong := r
			change(&wrong)
			if err := s.s.UseOnceLink(ctx, s.now, wrong); fault.CodeOf(err) != fault.NotFound {
				s.t.Errorf("%s: %v", what, err)
			}
		}
		s.want(nil, onceGrants)
		if err := s.s.UseOnceLink(ctx, s.now, r); err != nil {
			s.t.Error(err)
		}
		s.want([]string{"O|2|1"}, onceGrants)
		if err := s.s.UseOnceLink(ctx, s.now, r); fault.CodeOf(err) != fault.NotFound {
			s.t.Errorf("a second time: %v", err)
		}
		if _, _, err := s.s.OnceLink(ctx, s.now, "a"); fault.CodeOf(err) != fault.NotFound {
			s.t.Errorf("the used link: %v", err)
		}
		s.want([]string{"O|2|1"}, onceGrants)
	}},
	{conversation.OfferOnce{}, "refused is used as well, and a link grows old", func(s *scene) {
		ctx := s.t.Context()
		r, old := s.offered("a", 1), s.offered("b", 2)
		r.Allowed = false
		if err := s.s.UseOnceLink(ctx, s.now, r); err != nil {
			s.t.Error(err)
		}
		r.Allowed = true
		if err := s.s.UseOnceLink(ctx, s.now, r); fault.CodeOf(err) != fault.NotFound {
			s.t.Errorf("allowed after it was refused: %v", err)
		}
		if err := s.s.UseOnceLink(ctx, s.now.Add(31*time.Minute), old); fault.CodeOf(err) != fault.NotFound {
			s.t.Errorf("half an hour later: %v", err)
		}
		s.want(nil, onceGrants)
		if _, err := s.s.Purge(ctx, s.now.Add(25*time.Hour)); err != nil {
			s.t.Error(err)
		}
		s.want(nil, "SELECT scene FROM once_links")
	}},
	{conversation.OfferOnce{}, "the scene that is free is offered, with a secret of its own, while there is one", func(s *scene) {
		seen := map[string]bool{}
		for scene := 1; scene <= conversation.OnceScenes; scene++ {
			o := s.load(typed(fmt.Sprint("once ", scene), "o1"), needs(conversation.Needs{Once: "O"})).Facts.Once
			if o == nil || o.Scene != scene || len(o.Secret) != 32 || seen[o.Secret] {
				s.t.Fatalf("%d: %+v", scene, o)
			}
			seen[o.Secret] = true
			if err := s.s.UseOnceLink(s.t.Context(), s.now, s.offered(o.Secret, o.Scene)); err != nil {
				s.t.Error(err)
			}
		}
		if o := s.load(typed("once more", "o1"), needs(conversation.Needs{Once: "O"})).Facts.Once; o != nil {
			s.t.Errorf("more than there are: %+v", o)
		}
		s.exec("UPDATE grants SET left_count = 0 WHERE scene = 2")
		if o := s.load(typed("once again", "o1"), needs(conversation.Needs{Once: "O"})).Facts.Once; o == nil || o.Scene != 2 {
			s.t.Errorf("after the second was used: %+v", o)
		}
	}},
	{conversation.OfferOnce{}, "of many who come back with one link one is taken", func(s *scene) {
		r := s.offered("a", 1)
		var taken atomic.Int64
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				switch err := s.s.UseOnceLink(s.t.Context(), s.now, r); {
				case err == nil:
					taken.Add(1)
				case fault.CodeOf(err) != fault.NotFound:
					s.t.Error(err)
				}
			})
		}
		group.Wait()
		if taken.Load() != 1 {
			s.t.Errorf("%d were taken", taken.Load())
		}
		s.want([]string{"O|1|1"}, onceGrants)
	}},
	{conversation.Unfollow{}, "forgets links too", func(s *scene) {
		r := s.offered("a", 1)
		s.effect(conversation.Unfollow{})
		if err := s.s.UseOnceLink(s.t.Context(), s.now, r); fault.CodeOf(err) != fault.NotFound {
			s.t.Errorf("after the person has left: %v", err)
		}
		s.want(nil, "SELECT scene FROM once_links")
	}},
}

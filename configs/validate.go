package configs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	appID  = regexp.MustCompile(`^wx[0-9a-zA-Z]{6,30}$`)
	token  = regexp.MustCompile(`^[0-9a-zA-Z]{3,32}$`)
	aesKey = regexp.MustCompile(`^[0-9a-zA-Z]{43}$`)
)

// Validate returns every problem with values that are set wrong. What a command needs and does
// not have is that command's to say (NeedWeChat).
func (c *Config) Validate() []error {
	var p []error
	bad := func(key, format string, args ...any) { p = append(p, fmt.Errorf(key+": "+format, args...)) }
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("listen", "must be host:port or :port")
	}
	if host, _, err := net.SplitHostPort(c.AdminListen); err != nil {
		bad("admin_listen", "must be host:port, for example 127.0.0.1:9090")
	} else if host == "" {
		bad("admin_listen", "would listen on every address: name a private one, for example 127.0.0.1:9090 (0.0.0.0 inside a container)")
	}
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			bad("public_url", "must be a web address, for example https://learn.example.gov.cn")
		}
	}
	if d := c.Database.DSN; d != "" && !strings.HasPrefix(d, "mysql://") && !strings.HasPrefix(d, "sqlite://") {
		bad("database.dsn", "must begin with mysql:// or sqlite://")
	}
	if c.Replicas < 1 || c.Replicas > 100 {
		bad("replicas", "must be 1 to 100")
	}
	if c.Database.Connections < 2 || c.Database.Connections > 500 {
		bad("database.connections", "must be 2 to 500")
	}
	if c.Redis.URL == "" {
		bad("redis.url", "must be an address, or embedded")
	}
	if c.Redis.URL == "embedded" && strings.HasPrefix(c.Database.DSN, "mysql://") {
		bad("redis.url", "embedded serves one process only; replicas that share a MySQL database need a Redis of their own")
	}
	p = append(p, c.WeChat.validate()...)
	if len([]rune(c.Certificate.Office)) > 30 {
		bad("certificate.office", "must be at most 30 characters")
	}
	if c.Certificate.Office != "" && c.PublicURL == "" {
		bad("certificate.office", "certificates name the address where they are checked: set public_url")
	}
	p = append(p, c.Push.validate()...)
	for key, n := range map[string]int{"roster.bad_percent": c.Roster.BadPercent, "roster.left_percent": c.Roster.LeftPercent} {
		if n < 0 || n > 100 {
			bad(key, "must be 0 to 100")
		}
	}
	if (c.Roster.PhoneKeys == "") != (c.Roster.PhoneLookupKey == "") {
		bad("roster.phone_keys", "needs roster.phone_lookup_key beside it, and the other way round")
	}
	if c.Binding.CoolDown < time.Hour || c.Binding.CoolDown > 90*24*time.Hour {
		bad("binding.cool_down", "must be between 1h and 2160h")
	}
	if c.Binding.Delegates < 1 || c.Binding.Delegates > 20 {
		bad("binding.delegates", "must be 1 to 20")
	}
	switch c.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		bad("log.level", "must be debug, info, warn or error")
	}
	if c.Log.Format != "json" && c.Log.Format != "text" {
		bad("log.format", "must be json or text")
	}
	if c.Clock.Follow != "" && (!loopback(c.Clock.Follow) || !loopback(c.WeChat.APIBase)) {
		bad("clock.follow", "follows a simulator only: it and wechat.api_base must be loopback addresses")
	}
	return p
}

func (w *WeChat) validate() []error {
	var p []error
	bad := func(key, text string) { p = append(p, errors.New("wechat."+key+": "+text)) }
	if w.AppID != "" && !appID.MatchString(w.AppID) {
		bad("app_id", "does not look like an AppID (wx and 16 hex digits)")
	}
	for key, value := range map[string]string{"token": w.Token, "previous_token": w.PreviousToken} {
		if value != "" && !token.MatchString(value) {
			bad(key, "must be 3 to 32 letters and digits")
		}
	}
	for key, value := range map[string]string{"aes_key": w.AESKey, "previous_aes_key": w.PreviousAESKey} {
		if value == "" {
			continue
		}
		// Valid keys may end in bits that a strict decoder refuses (wechat-protocol §1.1).
		if _, err := base64.StdEncoding.DecodeString(value + "="); err != nil || !aesKey.MatchString(value) {
			bad(key, "must be the 43 letters and digits of the EncodingAESKey")
		}
	}
	if w.Mode != "safe" && w.Mode != "compat" && w.Mode != "plain" {
		bad("mode", "must be safe, compat or plain")
	}
	if !apiBase(w.APIBase) {
		bad("api_base", "must be an https address (http only for a simulator on a loopback address)")
	}
	for key, list := range map[string][]string{"allowed_sources": w.AllowedSources, "trusted_proxies": w.TrustedProxies} {
		for _, cidr := range list {
			if _, err := netip.ParsePrefix(cidr); err != nil {
				bad(key, cidr+" is not an address range like 10.0.0.0/8")
			}
		}
	}
	p = append(p, w.validateSending()...)
	return p
}

var (
	templateID    = regexp.MustCompile(`^[0-9a-zA-Z_-]{10,64}$`)
	templateField = regexp.MustCompile(`^[a-zA-Z][0-9a-zA-Z_]{0,31}$`)
)

// Kinds are the kinds of message that a template can be used for, and Fills what its fields can be
// filled with: the words of package delivery, which this package must not know.
func Kinds() []string {
	return []string{"lesson", "reminder", "announcement", "urgent", "receipt", "digest"}
}

// Fills lists what a template's field can take.
func Fills() []string { return []string{"title", "lead", "time", "from", "name", "course"} }

// validateSending checks what the account may send by.
func (w *WeChat) validateSending() []error {
	var p []error
	bad := func(key, format string, args ...any) { p = append(p, fmt.Errorf("wechat."+key+": "+format, args...)) }
	seen := map[string]bool{}
	for i, n := range w.Notices {
		n.check(fmt.Sprintf("notices[%d]", i), seen, bad)
	}
	seen = map[string]bool{}
	for i, t := range w.Templates {
		key := fmt.Sprintf("templates[%d]", i)
		t.check(key, seen, bad)
		if t.Kind != "receipt" && slices.Contains(Kinds(), t.Kind) {
			bad(key, "kind %s is not allowed: template messages may follow a person's own act only, so the kind must be receipt", t.Kind)
		}
	}
	if w.OnceTemplate != "" && !templateID.MatchString(w.OnceTemplate) {
		bad("once_template", "does not look like a template id (letters, digits, _ and -)")
	}
	for _, host := range w.APIFallbacks {
		if !apiBase(host) {
			bad("api_fallbacks", "%s must be an https address, for example https://api2.weixin.qq.com (http only for a simulator on a loopback address)", host)
		}
	}
	if w.DailyReserve < 0 || w.DailyReserve > 10_000_000 {
		bad("daily_reserve", "must be 0 to 10000000")
	}
	d := w.DayLimits
	for _, l := range []struct {
		key   string
		limit int
	}{{"window", d.Window}, {"notice", d.Notice}, {"once", d.Once}, {"template", d.Template}, {"mass", d.Mass}} {
		if l.limit < 0 || l.limit > 100_000_000 {
			bad("day_limits."+l.key, "must be 0 (no limit) to 100000000 calls a day")
		}
	}
	for _, r := range []struct {
		key  string
		rate int
	}{{"window", w.Rates.Window}, {"notice", w.Rates.Notice}, {"once", w.Rates.Once}, {"template", w.Rates.Template}} {
		if r.rate < 0 || r.rate > 100_000 {
			bad("rates."+r.key, "must be 0 (no limit) to 100000 calls a second")
		}
	}
	return p
}

// check names what is wrong with one template; seen are the kinds that have one already.
func (t Template) check(key string, seen map[string]bool, bad func(key, format string, args ...any)) {
	if !templateID.MatchString(t.ID) {
		bad(key, "id does not look like a template id (letters, digits, _ and -)")
	}
	switch {
	case !slices.Contains(Kinds(), t.Kind):
		bad(key, "kind must be one of %s", strings.Join(Kinds(), ", "))
	case seen[t.Kind]:
		bad(key, "kind %s has a template already: one for each kind", t.Kind)
	}
	seen[t.Kind] = true
	if len(t.Fields) == 0 {
		bad(key, "fields is empty: name the template's fields and what goes in")
	}
	for _, name := range slices.Sorted(maps.Keys(t.Fields)) {
		if !templateField.MatchString(name) {
			bad(key, "fields: %q is not a field of a template, for example thing1", name)
		}
		if !slices.Contains(Fills(), t.Fields[name]) {
			bad(key, "fields: %s must take one of %s", name, strings.Join(Fills(), ", "))
		}
	}
}

// apiBase reports whether an address may be called: https, or a simulator on this machine.
func apiBase(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(address))
}

func (p Push) validate() []error {
	var list []error
	if p.ReleaseAbove < 0 {
		list = append(list, errors.New("push.release_above: must be 0 or more"))
	}
	if p.KeepFree < 0 || p.KeepFree > 4 {
		list = append(list, errors.New("push.keep_free: must be 0 to 4"))
	}
	for key, value := range map[string]string{"quiet_from": p.QuietFrom, "quiet_until": p.QuietUntil} {
		if _, err := TimeOfDay(value); err != nil {
			list = append(list, fmt.Errorf("push.%s: %w", key, err))
		}
	}
	for key, value := range map[string]string{"reminder_hour": p.ReminderHour, "digest_hour": p.DigestHour} {
		if _, err := TimeOfDay(value); value != "" && err != nil {
			list = append(list, fmt.Errorf("push.%s: %w, or empty", key, err))
		}
	}
	if _, err := Weekday(p.DigestDay); err != nil {
		list = append(list, fmt.Errorf("push.digest_day: %w", err))
	}
	if p.Lateness < time.Minute || p.Lateness > 16*time.Hour {
		list = append(list, errors.New("push.lateness: must be between 1m and 16h"))
	}
	return list
}

// NeedWeChat returns what is missing for talking to the platform.
func (c *Config) NeedWeChat() []error {
	var p []error
	for key, value := range map[string]string{
		"app_id": c.WeChat.AppID, "app_secret": c.WeChat.AppSecret, "token": c.WeChat.Token, "aes_key": c.WeChat.AESKey,
	} {
		if value == "" && (key != "aes_key" || c.WeChat.Mode != "plain") {
			p = append(p, fmt.Errorf("wechat.%s: is not set (platform console: 设置与开发 → 基本配置)", key))
		}
	}
	return p
}

// TimeOfDay reads "21:00" as the time since midnight.
func TimeOfDay(s string) (time.Duration, error) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, errors.New("must be a time of day like 21:00")
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// Weekday reads "fri".
func Weekday(s string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if s == strings.ToLower(d.String()[:3]) {
			return d, nil
		}
	}
	return 0, errors.New("must be mon, tue, wed, thu, fri, sat or sun")
}

func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}
